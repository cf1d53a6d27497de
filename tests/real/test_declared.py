"""Every daemon that ships beside nginx and php-fpm, through all its actions and mishaps."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from declared_daemons import KINDS, Gunicorn, Haproxy, Sshd, UntitledGunicorn
from real_daemons import can_bind, listener, wait_until
from real_load import load

from initpy.tools import command

pytestmark = pytest.mark.real

HOLD = """
import socket, sys, time
held = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(flush=True)
time.sleep(60)
"""
ROUNDS = int(os.environ.get("INITPY_TEST_DECLARED_ROUNDS", "2"))  # upgrades under load
LONG_AGO = 1e9  # seconds since the epoch
GAP = 2.0  # seconds for which a restart may leave no listener; a session lasts longer


@pytest.fixture(params=KINDS)
def daemon(request, place):
    """Give each of the daemons in turn, stopped."""
    return KINDS[request.param](place)


def codes(daemon, *actions):
    """Do actions; return their exit codes."""
    return [daemon.act(action).code for action in actions]


def see_nothing_left(daemon):
    """Assert that it has ended, with all that it has started."""
    assert {} == daemon.place.processes()
    assert can_bind(daemon.port)
    assert not os.path.exists(daemon.pidfile)


def test_a_life(daemon):
    """Each action does what it says, and a daemon that cannot do it says so: 3."""
    service = daemon.service
    reload = 0 if service.reload else 3
    upgrade = 0 if service.upgrade else 3
    tested = 0 if service.test or service.test_args else 3

    first = daemon.start()
    assert daemon.serves()
    assert [0, 0, tested, reload] == codes(daemon, "status", "start", "configtest", "reload")
    assert first == daemon.master
    assert daemon.serves()
    assert [upgrade, 0] == codes(daemon, "upgrade", "restart")
    assert daemon.serves()
    assert first != daemon.master
    assert daemon.master.pid == daemon.named
    assert [0, 3, 0, 7] == codes(daemon, "stop", "status", "stop", "force-reload")
    see_nothing_left(daemon)


def test_two_instances(daemon):
    """What is done to one does not touch the other, whatever a stale pidfile says."""
    other = type(daemon)(daemon.place, "other")
    master, alive = other.start(), daemon.start()
    assert [0, 0] == codes(daemon, "restart", "force-quit")
    assert alive != daemon.master
    daemon.place.write(f"{daemon.folder}/daemon.pid", f"{master}\n")

    found = codes(daemon, "status", "stop")

    assert found[0] in (1, 3, 4)
    assert master == other.master
    assert other.serves()
    if os.path.exists(daemon.pidfile):
        os.unlink(daemon.pidfile)
    assert [0, 0, 0] == codes(daemon, "start", "status", "stop")
    assert master == other.master
    assert [0] == codes(other, "stop")
    see_nothing_left(other)


def crash(daemon):
    """Kill the master, and wait until init has reaped it: PostgreSQL takes a zombie for alive."""
    master = daemon.start()
    daemon.kill(master)
    wait_until(lambda: not os.path.exists(f"/proc/{master}"), f"{master} to be reaped")


def test_lost_pidfile(daemon):
    """Without its pidfile it is known by what was recorded at the start."""
    master = daemon.start()
    os.unlink(daemon.pidfile)

    found = codes(daemon, "status", "start")

    assert [0, 0] == found
    assert master == daemon.master
    assert master.pid == daemon.named
    os.unlink(daemon.pidfile)
    assert [0, 3] == codes(daemon, "stop", "status")
    see_nothing_left(daemon)


def test_crash(daemon):
    """After the master was killed status is 1, and a start finds its way from whatever is left."""
    crash(daemon)

    found = codes(daemon, "status", "start", "status")

    assert [1, 0, 0] == found
    assert daemon.serves()
    assert [0] == codes(daemon, "stop")
    see_nothing_left(daemon)


def test_recycled_pidfile(daemon):
    """A number that another process has got is nobody's master, and that process lives on."""
    crash(daemon)
    assert [0] == codes(daemon, "stop")
    stranger = subprocess.Popen([daemon.place.tool("sleep"), "60"])
    try:
        path = daemon.place.write(f"{daemon.folder}/daemon.pid", f"{stranger.pid}\n")
        os.utime(path, (LONG_AGO, LONG_AGO))  # before the number was given away again

        found = codes(daemon, "status", "start", "stop")

        assert [1, 0, 0] == found
        assert None is stranger.poll()
    finally:
        stranger.kill()
        stranger.wait()


def test_port_is_taken(daemon):
    """It is known before the start, and by whom, where the declaration says where it listens."""
    place = f"127.0.0.1:{daemon.port}"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(daemon.port)], stdout=-1) as holder:
        holder.stdout.readline()
        result = daemon.act("start", listens=(place,))
        holder.kill()

    assert 1 == result.code, result
    assert f"{place} is held by pid " in result.err
    assert {} == daemon.place.processes()


def test_port_is_taken_as_the_daemon_sees_it(daemon):
    """Otherwise the daemon itself ends, with its own words where they can be heard."""
    if daemon.takes_less:
        return
    with listener(daemon.port):
        result = daemon.act("start")

    assert 1 == result.code, result
    assert daemon.complaint in result.err, result
    assert {} == daemon.place.processes()
    assert [0, 0] == codes(daemon, "start", "stop")


def test_bad_configuration(daemon):
    """It is refused before anything is done, where the daemon has a test; else it starts not."""
    if daemon.service.config is None:
        return
    master = daemon.start()
    tested = daemon.service.test or daemon.service.test_args
    daemon.break_configuration()
    if tested:
        wanted = {name for name in ("reload", "upgrade") if getattr(daemon.service, name)}
        found = {name: daemon.act(name).code for name in {"restart", "configtest", *wanted}}

        assert {6} == set(found.values())
        assert master == daemon.master
        assert daemon.serves()
    assert [0] == codes(daemon, "stop")
    assert daemon.act("start", "--timeout", "5").code == (6 if tested else 1)
    assert {} == daemon.place.processes()


@pytest.mark.parametrize("kind", [Haproxy, Gunicorn, UntitledGunicorn])
def test_upgrades_under_load(place, kind):
    """No request of 16 clients is lost, and each time the binary on disk serves alone."""
    daemon = kind(place)
    daemon.start()
    with load(daemon.port, "/", asking=16) as clients:
        for _ in range(ROUNDS):
            old = daemon.master
            daemon.replace_binary()

            result = daemon.act("upgrade")

            assert 0 == result.code, result
            assert daemon.master.pid == daemon.named
            in_place = kind is Haproxy
            assert in_place is daemon.alive(old)
            disk = daemon.daemon if in_place else daemon.place.path("tools", "python3")
            assert daemon.host.file_id(disk) == daemon.host.exe_file(daemon.master)
            assert not os.path.exists(daemon.service.oldbin)
        assert [] == clients.bad
    assert clients.answered["one"] > ROUNDS
    assert [0] == codes(daemon, "stop")
    see_nothing_left(daemon)


@pytest.mark.parametrize("kind", [Gunicorn, UntitledGunicorn])
@pytest.mark.parametrize(
    ("code", "application"),
    [
        ("import sys\nsys.exit('--check-config' not in sys.argv)\n", ""),
        ("", "import sys\ndef app(): pass\nif '--pid' in sys.argv: raise ValueError\n"),
    ],
    ids=["the script ends", "the application cannot be loaded"],
)
def test_broken_gunicorn(place, kind, code, application):
    """A new master that does not come to serve is ended: 150, and the old one serves."""
    daemon = kind(place)
    master = daemon.start()
    wait_until(lambda: 3 == len(place.processes()), "its workers")
    with load(daemon.port, "/", asking=4) as clients:
        if code:
            daemon.write_script(code)
        daemon.place.write(f"{daemon.folder}/app.py", application)

        result = daemon.act("upgrade")

        assert 150 == result.code, result
        assert "serves as before" in result.err
        assert [] == clients.bad
    assert master == daemon.master
    assert daemon.serves()
    assert 3 == len(place.processes())
    assert not os.path.exists(daemon.service.oldbin)


def test_broken_haproxy(place):
    """A binary that fails its own test is not executed: 150, and the old one serves."""
    daemon = Haproxy(place)
    master = daemon.start()
    place.script("sbin/haproxy", "exit 1")

    result = daemon.act("upgrade")

    assert 150 == result.code, result
    assert "no signal was sent" in result.err
    assert master == daemon.master
    assert daemon.serves()


def longest_gap(port, until):
    """Return for how many seconds at most connections were refused, until that event."""
    gap, began = 0.0, None
    while not until.is_set():
        now = time.monotonic()
        with socket.socket() as client:
            refused = client.connect_ex(("127.0.0.1", port))
        began = (began or now) if refused else None
        gap = max(gap, time.monotonic() - began) if began else gap
        time.sleep(0.01)
    return gap


@pytest.mark.parametrize("action", ["restart", "reload", "upgrade", "stop"])
def test_sessions_outlive_sshd(place, action):
    """An open session goes on, and the next one does not wait for its end."""
    daemon = Sshd(place)
    daemon.start()
    session = daemon.session("echo ready; read answer; echo $answer")
    try:
        assert "ready\n" == session.stdout.readline()
        ended, found = threading.Event(), []
        watch = threading.Thread(target=lambda: found.append(longest_gap(daemon.port, ended)))
        if action != "stop":
            watch.start()

        result = daemon.act(action)

        ended.set()
        assert 0 == result.code, result
        if action != "stop":
            watch.join()
            assert daemon.serves()
            assert found[0] < GAP, found
        said, _ = session.communicate("alive\n", timeout=20)
        assert "alive\n" == said
    finally:
        session.kill()
        session.wait()


IN_PRIVATE = """
set -eu
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /etc/cron.d
mount -t tmpfs -o mode=1730 tmpfs /var/spool/cron
mkdir /var/spool/cron/crontabs /run/lock
mount --bind /dev/null /etc/crontab
act() { code=0; "$1" "$2" >/dev/null || code=$?; echo "$2 $code"; }
act "$1" start
act "$1" status
one=$(cat /run/crond.pid)
act "$1" start
[ "$one" = "$(cat /run/crond.pid)" ]
rm /run/crond.pid
act "$1" status
act "$1" restart
[ "$one" != "$(cat /run/crond.pid)" ]
kill -9 "$(cat /run/crond.pid)"
act "$1" status
act "$1" start
act "$1" reload
act "$1" stop
act "$1" status
"""


def test_cron(place):
    """Its paths are compiled in: it has a machine of its own, but for its processes."""
    wrapper = place.path("cron")
    assert 0 == command.main(["generate", "cron", "-o", wrapper])

    done = subprocess.run(
        [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("sh", "-c", IN_PRIVATE, "sh", wrapper),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    expected = (
        "start 0 status 0 start 0 status 0 restart 0 status 1 start 0 reload 3 stop 0 status 3"
    )
    assert expected.split() == done.stdout.split(), done
