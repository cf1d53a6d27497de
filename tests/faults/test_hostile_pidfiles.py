"""Pidfiles that lie, of real daemons that run and that do not."""

from __future__ import annotations

import os
import socket
import stat

import pytest
from real_daemons import NOBODY

from initpy.daemons.nginx import NGINX

pytestmark = pytest.mark.fault

LONG = NGINX.timeout / 2  # seconds; what is not awaited until that deadline takes less

# Each: what stands where the pidfile should, given the pid of a stranger.
HOSTILE = {
    "missing": lambda path, stranger: None,
    "empty": lambda path, stranger: write(path, ""),
    "garbage": lambda path, stranger: write(path, "\0\xffnginx\n"),
    "zero": lambda path, stranger: write(path, "0\n"),
    "init": lambda path, stranger: write(path, "1\n"),
    "everybody": lambda path, stranger: write(path, "-1\n"),
    "group": lambda path, stranger: write(path, f"-{stranger}\n"),
    "two": lambda path, stranger: write(path, f"{stranger} {stranger}\n"),
    "huge number": lambda path, stranger: write(path, "9" * 30 + "\n"),
    "huge file": lambda path, stranger: write(path, f"{stranger}\n" * 100_000),
    "stranger": lambda path, stranger: write(path, f"{stranger}\n"),
    "ourselves": lambda path, stranger: write(path, f"{os.getpid()}\n"),
    "world-writable": lambda path, stranger: (
        write(path, f"{stranger}\n"),
        os.chmod(path, 0o666),
    ),
    "somebody's": lambda path, stranger: (
        write(path, f"{stranger}\n"),
        os.chown(path, NOBODY, NOBODY),
    ),
    "link": lambda path, stranger: (
        write(path + ".to", f"{stranger}\n"),
        os.symlink(path + ".to", path),
    ),
    "dangling link": lambda path, stranger: os.symlink("/nonexistent", path),
    "FIFO": lambda path, stranger: os.mkfifo(path),
    "directory": lambda path, stranger: os.mkdir(path),
    "socket": lambda path, stranger: bound(path),
    "device": lambda path, stranger: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3)),
}
REGULAR = [
    name
    for name in HOSTILE
    if name not in ("missing", "link", "dangling link", "FIFO", "directory", "socket", "device")
]
# Nothing that an init script should remove: it may be /dev/null.
STAYING = ("directory", "device")
# A stop leaves what is not a pidfile, and what names a process that lives.
KEPT = (
    *STAYING,
    *("garbage", "zero", "everybody", "group", "two", "huge file"),
    *("init", "stranger", "ourselves", "world-writable", "somebody's"),
)


def write(path, text):
    with open(path, "w", encoding="latin-1") as file:
        file.write(text)


def bound(path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)


@pytest.fixture(params=HOSTILE)
def hostile(request):
    """Name what stands where the pidfile should."""
    return request.param


@pytest.mark.parametrize("action", ["status", "stop"])
def test_of_a_stopped_service(nginx, stranger, hostile, action):
    """A hostile pidfile of a stopped service: no action hangs, and no process is signalled."""
    HOSTILE[hostile](nginx.pidfile, stranger.pid)

    result = nginx.act(action)

    if action == "stop":
        assert 0 == result.code, result
        assert (hostile in KEPT) == os.path.lexists(nginx.pidfile), result
    else:
        expected = 3 if hostile == "missing" else 1 if hostile in REGULAR else 4
        assert expected == result.code, result
    assert result.seconds < LONG
    assert stranger.poll() is None
    assert {} == nginx.place.processes()


@pytest.mark.parametrize("action", ["reload", "upgrade", "reopen", "force-reload"])
def test_of_a_stopped_service_to_be_signalled(nginx, stranger, hostile, action):
    """A hostile pidfile of a stopped service: reload and upgrade are 7, and send no signal."""
    HOSTILE[hostile](nginx.pidfile, stranger.pid)

    result = nginx.act(action)

    assert 7 == result.code, result
    assert result.seconds < LONG
    assert stranger.poll() is None


@pytest.mark.parametrize("name", REGULAR)
def test_start_replaces_a_stale_one(nginx, stranger, name):
    """A hostile pidfile of a stopped service: start works, whatever the file says."""
    HOSTILE[name](nginx.pidfile, stranger.pid)

    result = nginx.act("start")

    assert 0 == result.code, result
    assert nginx.master.pid == nginx.named
    assert "one" == nginx.ask()
    assert stranger.poll() is None


@pytest.mark.parametrize("name", ["FIFO", "socket", "link", "dangling link"])
def test_start_with_what_is_no_file(nginx, stranger, name):
    """The pidfile is a link or a FIFO: start replaces it, and does not write through it."""
    HOSTILE[name](nginx.pidfile, stranger.pid)

    result = nginx.act("start")

    assert 0 == result.code, result
    assert stat.S_ISREG(os.lstat(nginx.pidfile).st_mode)
    assert nginx.master.pid == nginx.named
    assert stranger.poll() is None
    if name == "link":
        with open(nginx.pidfile + ".to") as target:
            assert f"{stranger.pid}\n" == target.read()


@pytest.mark.parametrize("name", STAYING)
def test_start_with_what_must_stay(nginx, stranger, name):
    """The pidfile is a directory or a device: start says so, and leaves nothing running."""
    HOSTILE[name](nginx.pidfile, stranger.pid)

    result = nginx.act("start", "--timeout", "1")

    assert result.code in (1, 6), result
    assert nginx.pidfile in result.err
    # A device was removed by nginx itself, when it ended (ngx_delete_pidfile).
    assert (name == "directory") == os.path.lexists(nginx.pidfile)
    assert {} == nginx.place.processes()


@pytest.mark.parametrize(
    "action", ["status", "start", "reload", "reopen", "upgrade", "stop", "restart"]
)
def test_of_a_running_nginx(nginx, stranger, hostile, action):
    """A hostile pidfile of a running nginx: the master is found by identity."""
    old = nginx.start()
    os.unlink(nginx.pidfile)
    HOSTILE[hostile](nginx.pidfile, stranger.pid)
    if action == "upgrade":
        nginx.replace_binary()

    result = nginx.act(action)

    assert stranger.poll() is None
    assert result.seconds < LONG
    if action == "stop":
        assert 0 == result.code, result
        assert {} == nginx.place.processes()
    elif action == "status":
        assert 0 == result.code, result
        assert f"master {old}" in result.out
    elif action in ("start", "reopen"):
        assert 0 == result.code, result
        assert old == nginx.master
        assert "one" == nginx.ask()
    elif result.code == 0:
        # A device cannot be repaired, and a reload of nginx does without.
        assert nginx.master.pid == nginx.named or (hostile, action) == ("device", "reload")
        assert (action == "reload") == (old == nginx.master)
        assert "one" == nginx.ask()
    else:
        # A directory is nothing to rename over: said, and nothing signalled.
        assert hostile in STAYING, result
        assert {"reload": 6, "upgrade": 1, "restart": 1}[action] == result.code, result
        assert nginx.pidfile in result.err
        assert old == nginx.master


@pytest.mark.parametrize("action", ["status", "reload", "stop"])
def test_of_a_running_php_fpm(fpm, stranger, hostile, action):
    """A hostile pidfile of a running php-fpm: the master is found by identity."""
    old = fpm.start()
    os.unlink(fpm.pidfile)
    HOSTILE[hostile](fpm.pidfile, stranger.pid)

    result = fpm.act(action)

    assert stranger.poll() is None
    assert result.seconds < LONG
    if action == "stop":
        assert 0 == result.code, result
        assert {} == fpm.place.processes()
    elif action == "status":
        assert 0 == result.code, result
        assert f"master {old}" in result.out
    elif result.code == 0:
        assert fpm.master.pid == fpm.named
        assert fpm.ask().startswith("14 ")
    else:
        assert hostile in STAYING, result
        assert 1 == result.code, result
        assert old == fpm.master


def test_untrusted_directory(nginx, stranger):
    """The pidfile's directory is another user's: the file is not believed, and that is said."""
    old = nginx.start()
    folder = os.path.dirname(nginx.pidfile)
    os.chown(folder, NOBODY, NOBODY)
    write(nginx.pidfile, f"{stranger.pid}\n")

    told = nginx.act("status")
    result = nginx.act("stop")

    assert (0, 0) == (told.code, result.code)
    assert f"master {old}" in told.out
    assert "not trusted" in told.out
    assert "belongs to nobody" in told.out
    assert stranger.poll() is None
    assert {} == nginx.place.processes()
