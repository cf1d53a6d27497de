"""Reopen of real daemons: rotated as logrotate does it, and what goes wrong then."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import contextmanager

import pytest
from real_daemons import AT_ONCE, ROUNDS, wait_until
from real_load import load

pytestmark = pytest.mark.real

LINES = 10_000  # requests, at least, under whose lines the log is rotated
SAMPLE = 3  # rotations, if nobody wants more
MANY = ROUNDS if "INITPY_TEST_ROUNDS" in os.environ else SAMPLE

# What a rotated log is called: by logrotate's options, and by others.
NAMES = {
    "logrotate": "access.log.1",
    "extension": "access.1.log",
    "dateext": "access.log-20261125",
    "date first": "20261125.access.log",
    "olddir": "old/access.log.1",
}


@pytest.fixture
def logs(site):
    """Give a folder for logs, which a worker may write to."""
    folder = site.path("logs")
    os.makedirs(f"{folder}/old")
    for path in (folder, f"{folder}/old"):
        os.chmod(path, 0o777)
    return folder


def configure(site, log, **changes):
    """Have *log* be the access log, if it is one at all."""
    if site.kind == "nginx":
        site.configure(server=f"access_log {log};" if log else "", **changes)
    else:
        site.configure(pool=f"access.log = {log}" if log else "", **changes)


def family(site):
    return (site.master, *site.workers)


def lines(path):
    with open(path) as file:
        return len(file.readlines())


def ask(site):
    """Ask until every worker is likely to have answered."""
    for _ in range(4):
        site.ask()


@contextmanager
def stopped(site, *processes):
    """Have processes stopped meanwhile."""
    for process in processes:
        site.kill(process, signal.SIGSTOP)
        state = lambda process=process: site.host.look(process.pid).state  # noqa: E731
        wait_until(lambda state=state: "T" == state(), "it to stop")
    try:
        yield
    finally:
        for process in processes:
            site.host.kill(process, signal.SIGCONT)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_renamed(site, logs, name):
    """Whatever a rotated log is called: nobody holds it, and the next line is in the new one."""
    log, rotated = f"{logs}/access.log", f"{logs}/{name}"
    configure(site, log)
    site.start()
    ask(site)
    os.rename(log, rotated)
    before = lines(rotated)

    result = site.act("reopen")
    held = site.held(*family(site))
    ask(site)

    assert 0 == result.code, result
    assert rotated not in held
    wait_until(lambda: 4 == lines(log), "the lines")
    assert (4, 4) == (before, lines(rotated))


@pytest.mark.parametrize("name", [*NAMES.values(), ""], ids=[*NAMES, "removed"])
def test_stopped_worker(nginx, name):
    """A stopped worker still writes to the rotated log: 1 at once, with its pid."""
    nginx.start()
    log = nginx.path("access.log")
    rotated = nginx.path(name) if name else f"{log} (deleted)"
    os.mkdir(nginx.path("old"))
    if name:
        os.rename(log, rotated)
    else:
        os.unlink(log)
    worker = min(nginx.workers, key=lambda one: one.pid)

    with stopped(nginx, worker):
        result = nginx.act("reopen")
    again = nginx.act("reopen")

    assert 1 == result.code, result
    sentence = f"pid {worker} (stopped by a signal (state T)) still writes to {rotated}"
    assert sentence in result.err
    assert result.seconds < AT_ONCE
    assert 0 == again.code, again
    assert rotated not in nginx.held(*family(nginx))


@pytest.mark.parametrize("name", ["access.log", "error.log"])
def test_one_of_two_logs(nginx, name):
    """A stopped worker is said to write to the log that was rotated, and to no other one."""
    nginx.start()
    os.rename(nginx.path(name), nginx.path("rotated"))
    worker = min(nginx.workers, key=lambda one: one.pid)

    with stopped(nginx, worker):
        result = nginx.act("reopen")

    assert 1 == result.code, result
    assert result.err.strip().endswith(f"still writes to {nginx.path('rotated')}")


def test_stopped_master(site):
    """A stopped master is told at once, and opens nothing anew behind our back."""
    master = site.start()

    with stopped(site, master):
        result = site.act("reopen")

    assert 1 == result.code, result
    assert f"master {master} is stopped by a signal (state T): no signal was sent" in result.err
    assert result.seconds < AT_ONCE


@pytest.mark.parametrize("works", [True, False])
def test_link(site, logs, works):
    """A log that is a link: the file behind it is rotated."""
    log, real = f"{logs}/access.log", f"{logs}/real.log"
    os.symlink(real, log)
    configure(site, log)
    master = site.start()
    os.rename(real, f"{logs}/old/real.log")
    if not works:
        os.mkdir(real)  # it cannot be opened

    result = site.act("reopen")

    assert (0 if works else 1) == result.code, result
    if works:
        assert f"{logs}/old/real.log" not in site.held(*family(site))
    else:
        assert f"master {master} still writes to {logs}/old/real.log" in result.err
        assert "Is a directory" in result.err


@pytest.mark.parametrize("works", [True, False])
def test_compiled_in(nginx, works):
    """A log that no configuration names is judged as any other."""
    compiled = nginx.path("compiled.log")
    nginx.configure(main="", user="root")
    with open(nginx.config) as file:
        text = file.read().replace(f"error_log {nginx.log} notice;", "")
    nginx.place.write("nginx/daemon.conf", text)
    changes = {"options": ("-e", compiled)}  # as if it were compiled in: our reader sees no name
    nginx.start(**changes)
    os.rename(compiled, f"{compiled}.1")
    worker = min(nginx.workers, key=lambda one: one.pid)

    with stopped(nginx, *([] if works else [worker])):
        result = nginx.act("reopen")

    assert (0 if works else 1) == result.code, result
    if not works:
        assert f"pid {worker} (stopped by" in result.err


def test_worker_that_may_not(nginx):
    """A worker that cannot open the new file writes to the old one for ever: 1, every time."""
    folder = nginx.path("private")
    os.mkdir(folder)
    log = f"{folder}/access.log"
    nginx.configure(server=f"access_log {log};", user="nobody nogroup")
    nginx.start()
    os.chmod(folder, 0o750)
    os.rename(log, f"{log}.1")

    results = [nginx.act("reopen", timeout=0.5) for _ in range(2)]

    assert [1, 1] == [result.code for result in results], results
    for result in results:
        assert any(f"pid {one} still writes to {log}.1" in result.err for one in nginx.workers)
        assert f'open() "{log}" failed (13: Permission denied)' in result.err
    os.chmod(folder, 0o755)
    assert 0 == nginx.act("reopen").code
    assert f"{log}.1" not in nginx.held(*family(nginx))


@pytest.mark.parametrize("log", ["access.log", "error.log"])
def test_master_that_cannot(site, logs, log):
    """A master that cannot open a log anew keeps the old one: 1, with the reason."""
    path = f"{logs}/{log}"
    site.log = path if log == "error.log" else site.log
    configure(site, f"{logs}/access.log")
    master = site.start()
    os.rename(path, f"{path}.1")
    os.mkdir(path)

    result = site.act("reopen")

    assert 1 == result.code, result
    assert f"master {master} still writes to {path}.1" in result.err
    assert "Is a directory" in result.err


def test_skipped_signal(nginx):
    """A reload that was refused in the same moment makes nginx skip USR1: it is woken."""
    master = nginx.start()
    log = nginx.path("access.log")
    for number in range(1, SAMPLE + 1):
        os.rename(log, f"{log}.1")
        with open(nginx.config, "a") as file:
            file.write("no such directive;\n")
        nginx.kill(master, signal.SIGSTOP)
        wait_until(lambda: "T" == nginx.host.look(master.pid).state, "it to stop")
        nginx.kill(master, signal.SIGHUP)
        waking = threading.Timer(0.3, lambda: nginx.kill(master, signal.SIGCONT))
        nginx.kill(master, signal.SIGUSR1)
        waking.start()
        waking.join()
        wait_until(lambda: number == nginx.logged().count("[emerg]"), "the refusal")  # noqa: B023

        result = nginx.act("reopen")

        assert 0 == result.code, result
        assert f"{log}.1" not in nginx.held(*family(nginx))


def test_nothing_rotated(site):
    """Without a rotation it is 0, at once, and nothing has ended."""
    site.start()
    before = family(site)

    result = site.act("reopen")

    assert 0 == result.code, result
    assert set(before) == set(family(site))
    assert result.seconds < AT_ONCE


def test_old_generation(nginx):
    """A worker that finishes a download opens the logs of its own configuration anew."""
    nginx.start()
    old = nginx.path("access.log")
    with nginx.download():
        nginx.configure(server=f"access_log {nginx.path('new.log')};")
        with open(nginx.config) as file:
            text = file.read().replace(f"  access_log {old};\n", "")
        nginx.place.write("nginx/daemon.conf", text)
        assert 0 == nginx.act("reload").code
        live = nginx.act("reopen")
        os.rename(old, f"{old}.1")

        result = nginx.act("reopen")

        held = nginx.held(*family(nginx))
    assert 0 == live.code, live
    assert 0 == result.code, result
    assert (True, False) == (old in held, f"{old}.1" in held)


# Logs that workers open by themselves.


def ask_as(nginx, host):
    """Ask with that name of a host, on a connection that is closed then."""
    with socket.create_connection(("127.0.0.1", nginx.port), 5) as connection:
        connection.sendall(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        assert b" 200 " in connection.recv(4096)
        while connection.recv(4096):
            pass


@contextmanager
def asking_as(nginx, host):
    """Ask with that name, again and again, meanwhile."""
    over = threading.Event()

    def go_on():
        while not over.wait(0.1):
            ask_as(nginx, host)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("valid", [1, 60], ids=["freed", "kept"])
def test_log_by_host(nginx, logs_of_nginx, valid):
    """A log with a variable in its name is kept open for a while: waited for, then told."""
    cache = f"open_log_file_cache max=10 valid={valid}s inactive={valid}s;"
    own = f"{logs_of_nginx}/a.log"
    nginx.configure(
        http=cache, server=f"access_log {logs_of_nginx}/$host.log;", user="www-data", workers=1
    )
    nginx.start()
    ask_as(nginx, "a")
    (worker,) = nginx.workers
    wait_until(lambda: own in nginx.held(worker), "the log to be opened")
    live = nginx.act("reopen")
    os.rename(own, f"{own}.1")

    with asking_as(nginx, "a"):  # nginx looks whether it is valid when it writes the next line
        result = nginx.act("reopen", timeout=4.0)

    assert 0 == live.code, live
    assert live.seconds < AT_ONCE
    if valid == 1:
        assert 0 == result.code, result
        assert f"{own}.1" not in nginx.held(worker)
    else:
        assert 1 == result.code, result
        assert f"pid {worker} still writes to {own}.1" in result.err


@pytest.fixture
def logs_of_nginx(nginx):
    """Give a folder for logs, in which a worker may make files."""
    folder = nginx.path("logs")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    return folder


def test_log_whose_name_begins_as_another(nginx, logs_of_nginx):
    """``access.log-HOST`` is a log of its own, and not a rotated ``access.log``."""
    log = f"{logs_of_nginx}/access.log"
    nginx.configure(
        http="open_log_file_cache max=10 valid=60s;",
        server=f"access_log {log}; access_log {log}-$host;",
        user="www-data",
    )
    nginx.start()
    for _ in range(4):
        ask_as(nginx, "a")
    os.rename(log, f"{log}.1")

    result = nginx.act("reopen", timeout=2.0)

    assert 0 == result.code, result
    held = nginx.held(*family(nginx))
    assert (False, True) == (f"{log}.1" in held, f"{log}-a" in held)


# Requests in flight.


@contextmanager
def long_request(fpm, seconds):
    """Have a worker answer for so many seconds meanwhile; yield it, and see the answer."""
    began = fpm.place.write("began", "", 0o666)
    script = fpm.place.write(
        "long.php",
        # A signal ends usleep(), and not the request.
        f"<?php file_put_contents('{began}', 'x'); $end = microtime(true) + {seconds}; "
        "while (microtime(true) < $end) usleep(50000); echo 'done';",
    )
    answers = []
    asking = threading.Thread(target=lambda: answers.append(fpm.ask(script, within=60)))
    asking.start()
    wait_until(lambda: os.path.getsize(began), "the request to run")
    yield
    asking.join()
    assert ["done"] == answers


@pytest.mark.parametrize("drain", [60.0, 1.0], ids=["in time", "too long"])
def test_long_request(fpm, drain):
    """A php worker finishes its request, then closes the log: a drain, whatever the timeout."""
    log = fpm.path("access.log")
    fpm.configure(pool=f"access.log = {log}", children=3)
    fpm.start()
    with long_request(fpm, 4):
        os.rename(log, f"{log}.1")

        result = fpm.act("reopen", "--timeout", "1", drain_timeout=drain)
        held = f"{log}.1" in fpm.held(*family(fpm))

    assert (0 if drain == 60 else 1) == result.code, result
    assert (drain != 60) == held
    if drain != 60:
        assert f"still writes to {log}.1 after 1 s" in result.err


def test_files_of_scripts(fpm):
    """What a php script has open for its own purposes is none of the service's logs."""
    own = fpm.place.path("app.log")
    with open(own, "w"):
        os.chmod(own, 0o666)
    script = fpm.place.write(
        "own.php", f"<?php $f = fopen('{own}', 'a'); usleep(3000000); echo 'done';"
    )
    fpm.configure(children=3)
    fpm.start()
    asking = threading.Thread(target=lambda: fpm.ask(script, within=60))
    asking.start()
    wait_until(lambda: own in fpm.held(*fpm.workers), "the file to be opened")

    result = fpm.act("reopen", "--timeout", "1")

    asking.join()
    assert 0 == result.code, result


# Not a line is lost.


def test_no_line_is_lost(nginx):
    """Rotated under load, again and again: every request has its line, and none is written late."""
    nginx.configure(user="www-data", workers=2)
    nginx.start()
    log = nginx.path("access.log")
    counted = []
    with load(nginx.port, asking=4) as clients:
        for number in range(1, MANY + 1):
            due = LINES * number // MANY
            wait_until(lambda: sum(counted) + lines(log) >= due, "so many lines", 120)  # noqa: B023
            os.rename(log, f"{log}.{number}")

            result = nginx.act("reopen")

            assert 0 == result.code, result
            assert f"{log}.{number}" not in nginx.held(*family(nginx))
            counted.append(lines(f"{log}.{number}"))
        bad, answered = clients.bad, sum(clients.answered.values())
    assert 0 == nginx.act("stop").code

    assert [] == bad
    assert counted == [lines(f"{log}.{number}") for number in range(1, MANY + 1)]
    assert answered == sum(counted) + lines(log)
    assert answered >= LINES


def test_no_request_is_lost(fpm):
    """php-fpm replaces its workers for it: every request is answered, and has its line."""
    log = fpm.path("access.log")
    fpm.configure(pool=f"access.log = {log}", children=4)
    fpm.start()
    answers, over = [], threading.Event()

    def go_on():
        while not over.is_set():
            answers.append(fpm.ask())

    asking = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in asking:
        thread.start()
    counted = []
    try:
        for number in range(1, MANY + 1):
            wait_until(lambda: os.path.exists(log) and lines(log) > 50, "some lines")
            os.rename(log, f"{log}.{number}")

            result = fpm.act("reopen")

            assert 0 == result.code, result
            counted.append(lines(f"{log}.{number}"))
    finally:
        over.set()
        for thread in asking:
            thread.join()
    assert 0 == fpm.act("stop").code

    assert counted == [lines(f"{log}.{number}") for number in range(1, MANY + 1)]
    assert len(answers) == sum(counted) + lines(log)
