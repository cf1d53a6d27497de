"""php-fpm replaced while it runs, by takeover, behind an nginx that is asked without a pause."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import ExitStack

import pytest
from real_daemons import can_bind, extension, free_port, listener, wait_until
from real_load import ROUNDS, Shop

from initpy.host import HERE

pytestmark = pytest.mark.fault

EXTENSION = extension("sockets")
FEWER = (ROUNDS + 1) // 2
SLOWEST = 2.0 if ROUNDS >= 20 else 1.0  # seconds


def connections(worker):
    """Return how many sockets a worker has open."""
    return len(HERE.socket_inodes(worker))


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "unix socket"])
def test_upgrades_under_load(place, unix):
    """Upgrades of php-fpm under load: no request is lost; reload loses some, and warns."""
    shop = Shop(place, unix=unix, children=20).open()
    with shop.load(slowest=SLOWEST) as clients:
        for _ in range(ROUNDS):
            old = shop.fpm.master
            place.copy(shop.fpm.binary, "sbin/php-fpm")

            result = shop.fpm.act("upgrade")

            assert 0 == result.code, result
            assert not shop.fpm.alive(old)
            assert shop.fpm.master.pid == shop.fpm.named
            assert shop.fpm.host.exe_file(shop.fpm.master) == place.host.file_id(shop.fpm.daemon)
            assert not os.path.exists(shop.fpm.service.oldbin)

        assert [] == clients.bad
        assert sum(clients.answered.values()) >= 16
    shop.see_settled()
    idle = max(map(connections, shop.fpm.workers))
    with shop.load(slowest=SLOWEST) as clients:
        busy = lambda: [one for one in shop.fpm.workers if connections(one) > idle]  # noqa: E731
        wait_until(lambda: len(busy()) >= 8, "requests to be in flight")
        result = shop.fpm.act("reload")

        assert 0 == result.code, result
        assert "requests in flight are cut: process_control_timeout is 0" in result.err
        assert "upgrade" in result.err
        assert [] != clients.bad


@pytest.mark.parametrize("pm", ["static", "dynamic", "ondemand"])
def test_process_managers(place, pm):
    """Upgrades of php-fpm with pm = static, dynamic or ondemand: no request is lost."""
    spare = "pm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3"
    shop = Shop(place, pm=pm, children=8, pool=spare if pm == "dynamic" else "")
    shop.fpm.crew = {"static": 8, "dynamic": 2, "ondemand": 0}[pm]
    shop.open()
    with shop.load(asking=6, slowest=0.4) as clients:
        for _ in range(FEWER):
            result = shop.fpm.act("upgrade")

            assert 0 == result.code, result

        assert [] == clients.bad
    shop.see_settled()


def test_every_kind_of_listen(place):
    """Upgrades of pools on a unix socket, IPv4, ::1 and a bare port: no request is lost."""
    shop = Shop(place, unix=True, children=4)
    ports = [free_port() for _ in range(3)]
    listens = [f"127.0.0.1:{ports[0]}", f"[::1]:{ports[1]}", f"{ports[2]}"]
    shop.add_pools(*listens)
    shop.open(*listens[:2], f"127.0.0.1:{ports[2]}")
    with ExitStack() as stack:
        clients = [
            stack.enter_context(shop.load(asking=4, slowest=0.3, pool=pool)) for pool in range(4)
        ]
        for _ in range(FEWER):
            result = shop.fpm.act("upgrade")

            assert 0 == result.code, result

        assert [[], [], [], []] == [asked.bad for asked in clients]
    shop.see_settled()
    assert ["done"] * 4 == [shop.ask(pool) for pool in range(4)]
    assert 0 == shop.fpm.act("stop").code
    assert all(map(can_bind, ports))
    assert not os.path.exists(shop.fpm.listen)


def test_chatty_workers(place):
    """Workers write much, and php-fpm catches it: no worker is blocked, no request is lost."""
    shop = Shop(place, children=8, pool="catch_workers_output = yes").open()
    with shop.load(asking=6, slowest=0.3, also="&words=400") as clients:
        for _ in range(FEWER):
            result = shop.fpm.act("upgrade")

            assert 0 == result.code, result
            assert result.seconds < shop.fpm.service.drain_timeout / 2

        assert [] == clients.bad
    shop.see_settled()
    assert "chatty" in shop.fpm.logged()


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "unix socket"])
def test_dropped_pool(place, unix):
    """The new configuration drops a pool: the upgrade ends it, and the other loses no request."""
    shop = Shop(place, children=4)
    port, path = free_port(), place.path("more.sock")
    listen = path if unix else f"127.0.0.1:{port}"
    shop.add_pools(listen)
    shop.open(f"unix:{path}" if unix else listen)
    assert "done" == shop.ask(1)
    os.unlink(shop.fpm.path("pool.d", "more1.conf"))
    shop.fpm.crew -= 4
    with shop.load(asking=4, slowest=0.3) as clients:
        result = shop.fpm.act("upgrade")

        assert 0 == result.code, result
        assert [] == clients.bad
    shop.see_settled()
    with pytest.raises(AssertionError, match="502 Bad Gateway"):
        shop.ask(1)
    assert not os.path.exists(path)
    assert unix or can_bind(port)


@pytest.mark.parametrize("action", ["start", "reload"])
def test_lost_path(place, action):
    """The path of a unix socket is removed: a new master binds it; the other pool loses nothing."""
    shop = Shop(place, unix=True, children=4).open_both()
    os.unlink(shop.fpm.listen)
    with shop.load(asking=4, slowest=0.3, pool=1) as clients:
        result = shop.fpm.act(action)

        assert 0 == result.code, result
        assert [] == clients.bad
    shop.see_settled()
    assert "done" == shop.ask(0)


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "unix socket"])
def test_added_pool(place, unix):
    """The new configuration adds a pool: the upgrade serves it, and the other loses no request."""
    shop = Shop(place, children=4)
    listen = place.path("more.sock") if unix else f"127.0.0.1:{free_port()}"
    shop.open(f"unix:{listen}" if unix else listen)
    shop.add_pools(listen)
    with shop.load(asking=4, slowest=0.3) as clients:
        result = shop.fpm.act("upgrade")

        assert 0 == result.code, result
        assert [] == clients.bad
    shop.see_settled()
    assert "done" == shop.ask(1)


def test_kept_connection(place):
    """A worker keeps a FastCGI connection and ignores QUIT: it gets TERM after DRAIN_TIMEOUT."""
    shop = Shop(place, children=3).open()
    # It asks for nothing and keeps the connection that a worker has accepted.
    with socket.create_connection(("127.0.0.1", shop.fpm.port)) as kept:
        keep(kept, shop.script)
        holders = shop.fpm.workers

        result = shop.fpm.act("upgrade", drain_timeout=1.0)

    assert 0 == result.code, result
    until_kill = shop.fpm.service.drain_late[0].seconds
    assert 1.0 <= result.seconds < 1.0 + until_kill
    assert "1 old workers had not finished after 1 s" in result.err, result
    assert [] == [worker for worker in holders if shop.fpm.alive(worker)]
    shop.see_settled()
    assert "done" == shop.ask()


def keep(connection, script):
    """Ask by FastCGI with FCGI_KEEP_CONN, and read the answer: the worker waits for more."""
    import struct

    record = lambda kind, body: struct.pack(">BBHHBx", 1, kind, 1, len(body), 0) + body  # noqa: E731
    facts = {"SCRIPT_FILENAME": script, "REQUEST_METHOD": "GET", "QUERY_STRING": "ms=1"}
    pairs = b"".join(
        struct.pack(">BB", len(key), len(value)) + f"{key}{value}".encode()
        for key, value in facts.items()
    )
    begin = record(1, struct.pack(">HB5x", 1, 1))
    connection.sendall(begin + record(4, pairs) + record(4, b"") + record(5, b""))
    said = b""
    while b"done" not in said or b"\1\3\0\1" not in said:
        said += connection.recv(65536)


def test_foreground(fpm):
    """A supervisor runs php-fpm in the foreground: upgrade is 3, says why, changes nothing."""
    argv = [fpm.daemon, "--nodaemonize", "--fpm-config", fpm.config, "--pid", fpm.pidfile]
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: fpm.named and len(fpm.workers) == fpm.crew, "php-fpm to come up")
        seen = fpm.master, fpm.workers

        result = fpm.act("upgrade")

        assert 3 == result.code, result
        assert "runs in the foreground" in result.err
        assert f"its parent is pid {os.getpid()}" in result.err
        assert seen == (fpm.master, fpm.workers)
        assert fpm.ask()
    finally:
        child.kill()
        child.wait()


# What must fail, and harm nobody.


def broken_pool(fpm):
    fpm.configure(children=6, pool="frobnicate = on")


def exits(fpm):
    fpm.place.script("sbin/php-fpm", "echo these are my words; exit 3")


def crashes(fpm):
    fpm.place.script("sbin/php-fpm", "kill -SEGV $$")


def hangs(fpm):
    fpm.place.script("sbin/php-fpm", f"exec {fpm.place.tool('sleep')} 600")


def passing(fpm, body):
    """Put a binary there that passes every test, and then does something else."""
    genuine = fpm.place.copy(fpm.binary, "sbin/genuine")
    fpm.place.script(
        "sbin/php-fpm",
        f'case " $* " in *" --test "*|*" -t "*|*" -tt "*) exec {genuine} "$@";; esac\n{body}',
    )


def exits_later(fpm):
    passing(fpm, "echo these are my words; exit 3")


def exits_much_later(fpm):
    passing(fpm, f"{fpm.place.tool('sleep')} 0.4; exit 3")


def hangs_later(fpm):
    passing(fpm, f"exec {fpm.place.tool('sleep')} 600")


def deaf(fpm):
    passing(fpm, f"trap '' TERM QUIT INT; {fpm.place.tool('sleep')} 600 & wait; wait")


def missing(fpm):
    os.unlink(fpm.daemon)


def no_program(fpm):
    fpm.place.write("sbin/php-fpm", "neither ELF nor script\n", 0o755)


WAITED = "waited 1 s"
FAILURES = {
    broken_pool: (6, "frobnicate"),
    exits: (150, "these are my words"),
    crashes: (150, "signal 11"),
    hangs: (150, WAITED),
    exits_later: (150, "these are my words"),
    exits_much_later: (150, "code 3"),
    hangs_later: (150, WAITED),
    deaf: (150, WAITED),
    missing: (5, "is not installed"),
    no_program: (150, "cannot be executed"),
}


@pytest.mark.parametrize("fault", FAILURES)
def test_failures(place, fault):
    """The new php-fpm or its pool is broken: upgrade fails, and the old master is unharmed."""
    shop = Shop(place, unix=True, children=6).open_both()
    fpm = shop.fpm
    before = untouched(fpm)
    code, words = FAILURES[fault]
    with shop.load_both() as bad:
        fault(fpm)

        result = fpm.act("upgrade", *(["--timeout", "1"] if words == WAITED else []))

        assert code == result.code, result
        assert words in result.err
        assert "Traceback" not in result.err
        assert before == untouched(fpm)
        assert shop.crew == set(place.processes())
        assert [] == bad()
    assert ["done", "done"] == [shop.ask(), shop.ask(1)]


def untouched(fpm):
    """Return what no failed upgrade may change: processes, pidfile, the socket's inode."""
    inode = os.stat(fpm.listen).st_ino if fpm.listen else None
    return fpm.master, fpm.workers, fpm.named, inode, os.path.exists(fpm.service.oldbin)


def test_missing_extension(place):
    """A needed extension of php-fpm is gone: upgrade is 6, and the old master is unharmed."""
    # Without it that is: what is preloaded calls one of its functions.
    extension = place.copy(EXTENSION, "sockets.so")
    preload = place.write("preload.php", "<?php socket_strerror(1);")
    values = (
        "zend_extension=opcache.so",
        f"extension={extension}",
        f"opcache.preload={preload}",
        "opcache.preload_user=www-data",
    )
    options = ("-n", *(word for value in values for word in ("-d", value)))
    shop = Shop(place, unix=True, children=4)
    shop.fpm.service = shop.fpm.service.replace(options=options)
    shop.open()
    before = untouched(shop.fpm)
    with shop.load(asking=4, slowest=0.3) as clients:
        os.unlink(extension)

        result = shop.fpm.act("upgrade")

        assert 6 == result.code, result
        assert "socket_strerror" in result.err
        assert before == untouched(shop.fpm)
        assert shop.crew == set(place.processes())
        assert [] == clients.bad
    place.copy(EXTENSION, "sockets.so")
    again = shop.fpm.act("upgrade")
    assert 0 == again.code, again


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "unix socket"])
def test_port_of_a_new_pool_is_taken(place, unix):
    """A new pool's port is taken: upgrade is 150 and names the holder, the old master serves."""
    shop = Shop(place, unix=unix, children=4).open()
    before = untouched(shop.fpm)
    with listener() as port, shop.load(asking=4, slowest=0.3) as clients:
        shop.add_pools(f"127.0.0.1:{port}")

        result = shop.fpm.script("upgrade")  # another process than the holder

        assert 150 == result.code, result
        assert f"127.0.0.1:{port} is held by pid {os.getpid()}" in result.err
        assert before == untouched(shop.fpm)
        assert shop.crew == set(place.processes())
        assert [] == clients.bad


def test_upgrade_after_a_failed_one(place):
    """An upgrade has failed: the next one, with a good binary, works."""
    shop = Shop(place, unix=True, children=4).open()
    exits_later(shop.fpm)
    assert 150 == shop.fpm.act("upgrade").code
    place.copy(shop.fpm.binary, "sbin/php-fpm")
    old = shop.fpm.master
    with shop.load(asking=4, slowest=0.3) as clients:
        result = shop.fpm.act("upgrade")

        assert 0 == result.code, result
        assert not shop.fpm.alive(old)
        assert [] == clients.bad
    shop.see_settled()


@pytest.mark.parametrize("check", ["false", "sleep 600"])
def test_failing_check(place, check):
    """UPGRADE_CHECK fails or hangs when both serve: the new one is ended, the old one serves."""
    shop = Shop(place, unix=True, children=4).open()
    program, *args = check.split()
    command = " ".join([place.tool(program), *args])
    place.settings(shop.fpm.name, f"UPGRADE_CHECK='{command}'\n")
    before = untouched(shop.fpm)
    with shop.load(asking=4, slowest=0.3) as clients:
        result = shop.fpm.act("upgrade", "--timeout", "1")

        assert 150 == result.code, result
        assert before == untouched(shop.fpm)
        assert shop.crew == set(place.processes())
        assert [] == clients.bad
    assert "done" == shop.ask()
