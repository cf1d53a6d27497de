"""Starts and stops of real daemons that go wrong, and leave nothing behind."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess

import pytest
from real_daemons import can_bind, wait_until

from initpy.daemons.nginx import NGINX

pytestmark = pytest.mark.fault

LONG = NGINX.timeout / 2  # seconds; what is not awaited until that deadline takes less


def nothing_left(site):
    """Check that nothing runs, nothing listens, and no pidfile tells otherwise."""
    assert {} == site.place.processes()
    assert can_bind(site.port)
    assert not os.path.exists(site.pidfile)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("exec {sleep} 600", id="hangs"),
        pytest.param("trap '' TERM QUIT INT; {sleep} 600; exit 1", id="deaf"),
        pytest.param("{sleep} 600 & exit 0", id="leaves something and is content"),
    ],
)
def test_daemon_that_hangs(nginx, body):
    """A daemon never comes up: it is ended at the deadline, with all that it has started."""
    nginx.fake_binary(body.format(sleep=nginx.place.tool("sleep")))

    result = nginx.act("start", "--timeout", "1")

    assert 1 == result.code, result
    assert result.seconds < 4
    nothing_left(nginx)


def test_daemon_that_ends(nginx):
    """A daemon ends at once: start is 1 at once, with the daemon's own words."""
    nginx.fake_binary("echo these are my words; exit 3")

    result = nginx.act("start")

    assert 1 == result.code, result
    assert "these are my words" in result.err
    assert result.seconds < LONG
    nothing_left(nginx)


# As nginx does where it writes its pidfile only in the background.
IN_THE_BACKGROUND = """
sh -c 'sleep 0.1
    echo "2026/11/26 17:32:48 [crit] $$#$$: pwrite() failed (28: No space left)" >>{log}
    exit 1' &
: >{pidfile}
"""


def test_daemon_that_ends_in_the_background(nginx):
    """A daemon is content, and then ends in the background: 1 at once, with what its log says."""
    nginx.start()
    nginx.act("stop")
    nginx.place.write(f"{nginx.folder}/error.log", "[emerg] 1#1: an old line\n")
    nginx.fake_binary(IN_THE_BACKGROUND.format(log=nginx.log, pidfile=nginx.pidfile))

    result = nginx.act("start")

    assert 1 == result.code, result
    assert result.err.endswith(f"{nginx.log} says: pwrite() failed (28: No space left)\n"), result
    assert result.seconds < LONG
    nothing_left(nginx)


def test_pidfile_elsewhere(nginx):
    """The configuration names another pidfile: start says so before it starts anything."""
    nginx.service = nginx.service.replace(pidfile=nginx.path("other.pid"))

    result = nginx.act("start")

    assert 6 == result.code, result
    assert result.seconds < LONG
    assert f"names the pidfile {nginx.pidfile}," in result.err
    nothing_left(nginx)


def test_workers_that_never_come(nginx):
    """Workers end before they serve: start is 1, whatever the master does."""
    nginx.configure(main="working_directory /proc/nowhere;")

    result = nginx.act("start", "--timeout", "1")

    assert 1 == result.code, result
    assert "the workers of master" in result.err
    nothing_left(nginx)


def test_restart_with_a_daemon_that_ends(nginx):
    """The daemon does not start again in a restart: 1, and the old master serves as before."""
    old = nginx.start()
    nginx.fake_binary("exit 1")

    result = nginx.act("restart")

    assert 1 == result.code, result
    assert f"old master {old} serves as before" in result.err
    nginx.see_only(old)


def test_plain_restart_with_a_daemon_that_ends(nginx):
    """RESTART=plain, and the daemon does not start again: 1, because a stop cannot be undone."""
    nginx.place.settings(nginx.name, "RESTART=plain\n")
    nginx.start()
    nginx.fake_binary("exit 1")

    result = nginx.act("restart")

    assert 1 == result.code, result
    nothing_left(nginx)


def test_starts_at_once(site):
    """Several starts at once: each is 0, and there is one master."""
    scripts = [
        subprocess.Popen([site.wrapper, "start"], stdout=subprocess.DEVNULL) for _ in range(4)
    ]
    codes = [script.wait(60) for script in scripts]

    assert [0] * 4 == codes
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    site.see_only(site.master)


def test_starts_and_stops_at_once(site):
    """Starts and stops at once: in the end one master serves, or nothing is left."""
    scripts = [
        subprocess.Popen(
            [site.wrapper, action], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for action in ("start", "stop", "restart", "stop", "start", "try-restart")
    ]
    told = [script.communicate(timeout=60)[1] for script in scripts]

    ended = [(script.returncode, said) for script, said in zip(scripts, told)]
    # A stop may end what a restart has just done, and it says so.
    failed = [one for one in ended if one[0] != 0]
    assert [] == [one for one in failed if one[0] != 1 or "was stopped meanwhile" not in one[1]]
    if site.master is None:
        nothing_left(site)
    else:
        assert site.ask()
        assert site.master.pid == site.named


def test_zombie_master(nginx):
    """The master is dead, its parent does not wait for it: it counts as gone."""
    argv = [nginx.daemon, "-g", "daemon off;", "-c", nginx.config]
    parent = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        master = wait_until(lambda: len(nginx.workers) == 2 and nginx.master, "nginx")
        # The master first: it would replace the workers.
        for process in (master, *nginx.workers):
            nginx.kill(process)
        nginx.see_gone(*nginx.place.processes())
        os.kill(parent.pid, 0)

        codes = [nginx.act(action).code for action in ("status", "start", "status", "stop")]
    finally:
        parent.wait()

    assert [1, 0, 0, 0] == codes


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_stop(nginx, sig):
    """A signal to a stop that waits for a slow request: the wait ends with 1 and the reason."""
    nginx.start()
    with nginx.download(), nginx.running_script("stop") as stop:
        wait_until(
            lambda: any("shutting down" in title for title in nginx.place.processes().values()),
            "nginx to drain",
        )
        stop.send_signal(sig)
        said = stop.communicate(timeout=10)

        assert 1 == stop.returncode, said
        assert sig.name in said[1].splitlines()[-1]


def test_runtime_directory_removed(nginx):
    """The pidfile's directory is gone: the master is still found, and stopped."""
    os.mkdir(nginx.path("run"))
    nginx.pidfile = nginx.path("run", "nginx.pid")
    nginx.configure()
    nginx.service = nginx.service.replace(pidfile=nginx.pidfile)
    master = nginx.start()
    shutil.rmtree(nginx.path("run"))

    codes = [nginx.act(action).code for action in ("status", "stop", "start")]

    assert [0, 0, 0] == codes
    assert not nginx.alive(master)
    assert nginx.master.pid == nginx.named


@pytest.mark.parametrize("action", ["reload", "restart", "force-reload"])
def test_binary_is_gone(site, action):
    """The binary is gone: actions that need it are 5, and the service is unharmed."""
    master, workers = site.start(), site.workers
    os.unlink(site.daemon)

    result = site.act(action)

    assert 5 == result.code, result
    assert (master, workers) == (site.master, site.workers)
    assert master.pid == site.named
    assert site.ask()


@pytest.mark.parametrize("action", ["reload", "restart"])
def test_binary_that_cannot_test(site, action):
    """The binary cannot even test the configuration: 6, and no signal is sent."""
    master, workers = site.start(), site.workers
    site.place.write(f"sbin/{site.kind}", "#!/nonexistent\n", 0o755)

    result = site.act(action)

    assert 6 == result.code, result
    assert (master, workers) == (site.master, site.workers)
    assert site.ask()


def test_terminal_that_goes_away(nginx, client):
    """An ssh session breaks in the middle of an upgrade: it goes forward or back."""
    old = nginx.master
    sleep = nginx.place.tool("sleep")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{sleep} 600'\n")
    nginx.replace_binary()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(nginx.wrapper, [nginx.wrapper, "upgrade"])
    try:
        wait_until(
            lambda: any(title.startswith(sleep) for title in nginx.place.processes().values()),
            "the check to run",
        )
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)

    assert 150 == os.waitstatus_to_exitcode(status)
    assert old == nginx.master
    assert old.pid == nginx.named
    assert not os.path.exists(nginx.oldbin)
    nginx.see_only(old)
    assert [] == client.bad


def test_nohup(nginx, client):
    """A hangup under nohup: the upgrade goes on."""
    old = nginx.master
    go, sleep = nginx.place.path("go"), nginx.place.tool("sleep")
    check = nginx.place.script("check", f"until test -e {go}; do {sleep} 0.01; done")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK={check}\n")
    nginx.replace_binary()
    with subprocess.Popen(["/usr/bin/nohup", nginx.wrapper, "upgrade", "--quiet"]) as upgrade:
        wait_until(
            lambda: any(check in title for title in nginx.place.processes().values()),
            "the check to run",
        )
        upgrade.send_signal(signal.SIGHUP)
        nginx.place.write("go", "")

    assert 0 == upgrade.returncode
    assert old != nginx.master
    assert [] == client.bad
