"""Pidfiles and socket paths of others: nothing is removed that is not proven stale."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from contextlib import contextmanager
from threading import Thread

import pytest
from elsewhere import Instance
from real_daemons import NOBODY, Nginx, wait_until
from real_load import ROUNDS, crash

pytestmark = pytest.mark.real

FEWER = ROUNDS if "INITPY_TEST_ROUNDS" in os.environ else 5
SERVERS = 500
OPTIONS = {"nginx": ["-c"], "php-fpm": ["--daemonize", "--fpm-config"]}


def start_by_hand(site, *more):
    """Start its daemon without its script; return its master."""
    subprocess.run([site.daemon, *OPTIONS[site.kind], site.config, *more], check=True)
    wait_until(lambda: site.named and len(site.workers) == site.crew, f"{site.kind} to be up")
    return site.master


def read(path):
    """Return what a file holds, or None."""
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None


@pytest.fixture
def pair(site):
    """Give two instances of each daemon in turn, both stopped: ours, and another."""
    return site, type(site)(site.place, "other")


@pytest.mark.parametrize("action", ["start", "stop", "restart", "status"])
def test_pidfile_of_both(pair, action):
    """Our pidfile is another daemon's, by its configuration: it is named, and nothing changes."""
    ours, other = pair
    other.pidfile = ours.pidfile
    other.configure()
    other.generate()
    master = start_by_hand(other)
    before = set(ours.place.processes())

    result = ours.act(action)

    assert 1 == result.code, result
    assert "status" == action or f"{ours.pidfile} names pid {master}, another" in result.err, result
    assert f"{master}" == read(ours.pidfile).strip()
    assert before == set(ours.place.processes())


def test_pidfile_that_names_another(pair):
    """Our pidfile names a living daemon that has another pidfile: that is none of ours."""
    ours, other = pair
    master = start_by_hand(other)
    shutil.copy(other.pidfile, ours.pidfile)

    codes = [ours.act(action).code for action in ("status", "stop", "start", "status", "stop")]

    assert [1, 0, 0, 0, 0] == codes
    assert master == other.master
    assert master.pid == other.named
    assert other.ask()


def test_pidfile_that_names_another_program(site):
    """Our pidfile names a living process of another program: start is 0, and stop is 0."""
    stranger = subprocess.Popen([site.place.tool("sleep"), "600"])
    try:
        site.place.write(f"{site.folder}/daemon.pid", f"{stranger.pid}\n")
        codes = [site.act(action).code for action in ("stop", "start", "status", "stop")]

        assert [0, 0, 0, 0] == codes
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_pidfile_of_an_ordinary_users_daemon(place):
    """A user's own nginx with that very pidfile is not signalled, and its pidfile stays."""
    nginx = Nginx(place)
    os.chown(nginx.path(), NOBODY, NOBODY)
    shutil.chown(nginx.path("tmp"), NOBODY)
    subprocess.run(
        [nginx.daemon, "-c", nginx.config],
        check=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: nginx.named and len(place.processes()) == 1 + nginx.crew, "nginx to be up")
    family, text = set(place.processes()), read(nginx.pidfile)

    results = {action: nginx.act(action) for action in ("stop", "start", "restart", "force-quit")}

    assert family == set(place.processes()), results
    assert text == read(nginx.pidfile)
    assert {1} == {result.code for result in results.values()}, results
    assert all(f"names pid {text.strip()}" in result.err for result in results.values()), results
    assert "one" == nginx.ask()


@pytest.mark.parametrize("action", ["start", "stop", "status", "reload", "restart", "configtest"])
def test_pidfile_setting_that_names_another_file(site, action):
    """PIDFILE=/etc/passwd is 6 (status: 4), and the file is as it was."""
    before = read("/etc/passwd"), os.stat("/etc/passwd")
    site.place.settings(site.name, "PIDFILE=/etc/passwd\n")

    result = site.act(action)

    assert (4 if action == "status" else 6) == result.code, result
    assert "/etc/passwd" in result.err
    assert before == (read("/etc/passwd"), os.stat("/etc/passwd"))


def test_configtest_takes_nothing_away(pair):
    """A test of the configuration takes away neither pidfile nor logs of another instance.

    They come into being while it runs: they were not there before, and are afterwards.
    """
    ours, other = pair
    other.pidfile, other.log = ours.pidfile, ours.log
    other.configure()
    real = ours.place.copy(ours.binary, "sbin/real")
    options = " ".join(OPTIONS[ours.kind])
    ours.place.script(
        f"sbin/{ours.kind}",
        f'[ "$1" != -V ] || exec {real} -V\n{real} "$@"; code=$?\n'
        # In a session of its own: what a test leaves in the session of its script is ended.
        f"[ -s {ours.pidfile} ] || setsid {real} {options} {other.config} >/dev/null 2>&1\n"
        f"while [ ! -s {ours.pidfile} ]; do :; done; exit $code",
    )

    result = ours.act("configtest")

    assert 0 == result.code, result
    assert read(ours.pidfile)
    assert os.path.exists(ours.log)
    assert other.ask()


def test_configtest_in_a_folder_of_others(site):
    """While it tests, the folder of its log becomes a link: what it leads to is not removed."""
    site.log = site.path("logs", "error.log")
    site.configure()
    precious = site.place.write("precious/error.log", "precious")
    os.mkdir(site.path("logs"))
    shutil.chown(site.path("logs"), "www-data")
    real = site.place.copy(site.binary, "sbin/real")
    folder, moved = site.path("logs"), site.path("moved")
    link = f"ln -s {os.path.dirname(precious)} {folder}"
    site.place.script(
        f"sbin/{site.kind}",
        f'[ "$1" != -V ] || exec {real} -V\n{real} "$@"; code=$?\n'
        f"[ -d {moved} ] || {{ mv {folder} {moved}; {link}; }}\n"
        "exit $code",
    )

    result = site.act("configtest")

    assert 0 == result.code, result
    assert os.path.islink(folder)
    assert "precious" == read(precious)


def test_configtest_leaves_no_pidfile(site):
    """A test of a stopped service leaves no pidfile."""
    result = site.act("configtest")

    assert 0 == result.code, result
    assert not os.path.exists(site.pidfile)


def test_two_starts_at_once(place):
    """Two instances with many servers are started at once: both serve, all files are there."""
    pair = [Nginx(place, "blue"), Nginx(place, "green")]
    servers = "".join(
        f"server {{ listen 127.0.0.1:{{port}}; server_name h{number}; return 200 x; }}\n"
        for number in range(SERVERS)
    )
    for site in pair:
        site.configure(
            site.folder,
            http="server_names_hash_max_size 65536;\n" + servers.replace("{port}", f"{site.port}"),
            server="server_name test;",
        )
    seen = []
    for _ in range(FEWER):
        codes = {}

        def start(site, codes=codes):
            codes[site.folder] = site.script("start").code

        threads = [Thread(target=start, args=(site,)) for site in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        files = [path for one in pair for path in (one.pidfile, one.log, one.path("access.log"))]
        seen.append((codes, [path for path in files if not os.path.exists(path)]))
        for site in pair:
            assert site.named == site.master.pid
            assert 0 == site.act("stop").code
            os.unlink(site.log)
            os.unlink(site.path("access.log"))

    assert [({"blue": 0, "green": 0}, [])] * FEWER == seen


def test_two_starts_at_compiled_in_paths(island, place):
    """One instance has the paths that are compiled in: the start of another takes none away."""
    first, second = (Instance(island, place, "nginx", name) for name in ("nginx", "second"))
    servers = "".join(f"server {{ listen 9000; server_name h{n}; }}\n" for n in range(SERVERS))
    many = f"http {{ server_names_hash_max_size 65536;\n{servers}"
    place.write("second.conf", second.text.replace("http {", many))
    logs = [f"/var/log/nginx/{name}.log" for name in ("error", "access")]
    text = first.text.replace(first.log, logs[0]).replace("access_log off", f"access_log {logs[1]}")
    place.write("nginx.conf", text)
    for site in (first, second):
        site.config = site.source
        site.generate(name=site.name)
    files = [first.pidfile, second.pidfile, *logs]
    both = f"rm -f {' '.join(files)}; {second.wrapper} start & {first.wrapper} start; a=$?; wait $!"
    seen = []
    for _ in range(FEWER):
        started = island("sh", "-c", f"{both}; echo $a $?; ls {' '.join(files)}")
        told = [site.act("status").code for site in (first, second)]
        seen.append((started.out.splitlines()[-5:], told))
        assert [0, 0] == [site.act("stop").code for site in (first, second)]

    assert [(["0 0", *sorted(files)], [0, 0])] * FEWER == seen


# Paths of unix sockets that the configuration names, on a stopped service.


@contextmanager
def nobody_has_it(path):
    """Whoever had it was killed."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
    yield


@contextmanager
def somebody_listens(path):
    """Another daemon has it."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
        bound.listen()
        yield


@contextmanager
def not_yet_listening(path):
    """Another daemon has bound it, and does not listen yet."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
        yield


@contextmanager
def somebodys(path):
    """Nobody has it, and it is not root's."""
    with nobody_has_it(path):
        os.chown(path, NOBODY, NOBODY)
        yield


@contextmanager
def others_folder(path):
    """Nobody has it, in a folder that others can write."""
    with nobody_has_it(path):
        shutil.chown(os.path.dirname(path), pwd.getpwnam("www-data").pw_uid)
        yield


@contextmanager
def plain_file(path):
    """Have a file stand there."""
    with open(path, "w") as file:
        file.write("precious")
    yield


@pytest.fixture
def web_socket(nginx):
    """Give the path of a unix socket that nginx is to listen on."""
    os.mkdir(nginx.path("sockets"))
    path = nginx.path("sockets", "web.sock")
    nginx.configure(server=f"listen unix:{path};")
    return path


def test_stale_socket(nginx, web_socket):
    """The path of a socket that nobody has is removed before nginx is started, and it is said."""
    with nobody_has_it(web_socket):
        result = nginx.act("start")

    assert 0 == result.code, result
    assert f"removed {web_socket}" in result.err
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(web_socket)


@pytest.mark.parametrize(
    "kept", [somebody_listens, not_yet_listening, somebodys, others_folder, plain_file]
)
def test_socket_that_stays(nginx, web_socket, kept):
    """The path of a socket that may be somebody's stays, and start is 1."""
    with kept(web_socket):
        before = os.lstat(web_socket)

        result = nginx.act("start", "--timeout", "0.5")

        after = os.lstat(web_socket)
    assert 1 == result.code, result
    assert (before.st_ino, before.st_mtime) == (after.st_ino, after.st_mtime)
    assert f"removed {web_socket}" not in result.err
    assert {} == nginx.place.processes()


def test_socket_of_a_crash(nginx, web_socket):
    """All of nginx is killed, or its master is, and then it is stopped: start works again."""
    # The master first: it would replace the workers.
    for process in (nginx.start(), *nginx.workers):
        nginx.kill(process)
    nginx.see_gone(*nginx.place.processes())
    killed = nginx.act("start")
    crash(nginx)
    stopped = nginx.act("stop")

    again = nginx.act("start")

    assert (0, 0, 0) == (killed.code, stopped.code, again.code), (killed, stopped, again)
    assert "one" == nginx.ask()
