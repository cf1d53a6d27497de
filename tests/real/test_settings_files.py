"""Settings files of real wrappers, and the lock between them."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from real_daemons import AT_ONCE, NOBODY, wait_until

pytestmark = pytest.mark.real


@pytest.mark.parametrize("action", ["start", "stop", "reload", "upgrade", "configtest"])
def test_file_that_nobody_may_write(nginx, action):
    """A settings file that somebody else may write is 6, named, and nothing is done."""
    path = nginx.place.settings(nginx.name, "STOP_SCHEDULE=QUIT/1/KILL/1\n", 0o666)

    result = nginx.script(action)

    assert 6 == result.code, result
    assert path in result.err
    assert {} == nginx.place.processes()


def test_file_of_nobody(nginx):
    """A settings file that belongs to somebody else is 6, and its owner is named."""
    path = nginx.place.settings(nginx.name, "STOP_SCHEDULE=QUIT/1/KILL/1\n")
    os.chown(path, NOBODY, NOBODY)

    result = nginx.script("start")

    assert 6 == result.code, result
    assert f"{path} is not trusted: it belongs to nobody" in result.err


@pytest.mark.parametrize(
    "line",
    [
        "STOP_SCHEDULE=FROB/3",
        "STOP_SCHEDULE=QUIT/x",
        "STOP_SCHEDULE=QUIT",
        "DRAIN_TIMEOUT=soon",
        "DRAIN_TIMEOUT=-1",
        "UPGRADEWAITLOOPS=many",
        "NICELEVEL=99",
        "ULIMIT='-n many'",
        "PIDFILE=relative",
        "CONFFILE=relative",
        "DAEMON_OPTS='unbalanced",
        "DAEMON_OPTS=two words",
    ],
)
def test_bad_value(nginx, line):
    """A bad value is 6, and its file and line are named."""
    path = nginx.place.settings(nginx.name, f"# a comment\n\n{line}\n")

    result = nginx.script("start")

    assert 6 == result.code, result
    assert f"{path} line 3" in result.err
    assert "Traceback" not in result.err
    assert {} == nginx.place.processes()


def test_nothing_in_it_is_run(nginx):
    """What a shell would run in a settings file is not run; the service can be stopped."""
    made = nginx.place.path("X")
    nginx.place.settings(
        nginx.name,
        f"$(touch {made})\nFOO=$(touch {made})\nBAR=`touch {made}`\ntouch {made}\n"
        f'UPGRADE_CHECK="$(touch {made})"\nBAZ=1; touch {made}\n',
    )

    results = [nginx.script(action) for action in ("status", "start", "status", "stop")]

    assert not os.path.exists(made), results
    assert "Traceback" not in "".join(result.err for result in results)


def test_what_is_no_assignment(nginx):
    """A line that is no assignment is told, and so is a key that nobody knows."""
    path = nginx.place.settings(nginx.name, "FROBNICATE=1\nwhat is this\n")

    result = nginx.script("start")

    assert 0 == result.code, result
    assert f"{path} line 1: FROBNICATE is no setting" in result.err
    assert f"{path} line 2: this is not an assignment" in result.err
    with open(f"/proc/{nginx.master}/environ") as file:
        assert "FROBNICATE" not in file.read()


def test_nice_and_limits(site):
    """NICELEVEL and ULIMIT are what the daemon then has."""
    site.place.settings(site.name, "NICELEVEL=5\nULIMIT='-n 4321'\n")

    result = site.act("start")

    assert 0 == result.code, result
    with open(f"/proc/{site.master}/limits") as file:
        assert any(line.split()[3:5] == ["4321", "4321"] for line in file if "open files" in line)
    assert 5 == os.getpriority(os.PRIO_PROCESS, site.master.pid)


def test_options(nginx):
    """DAEMON_OPTS reaches the daemon, its configuration test and its identity."""
    nginx.place.settings(nginx.name, "DAEMON_OPTS=\"-g 'worker_rlimit_nofile 2048;'\"\n")

    results = [nginx.script("start")]
    with open(f"/proc/{next(iter(nginx.workers))}/limits") as file:
        limits = file.read()
    later = ("reload", "status", "upgrade", "restart", "stop")
    results += [nginx.script(action) for action in later]

    assert [0] * 6 == [result.code for result in results], results
    assert " 2048 " in limits
    assert {} == nginx.place.processes()


def test_settings_of_debian_name_the_configuration(nginx):
    """CONFFILE moves the configuration, and the instance with it."""
    moved = nginx.path("moved.conf")
    os.rename(nginx.config, moved)
    nginx.place.settings(nginx.name, f"CONFFILE={moved}\n")

    results = [nginx.script(action) for action in ("start", "status", "reload", "stop")]

    assert [0] * 4 == [result.code for result in results], results
    assert {} == nginx.place.processes()


@pytest.fixture
def busy(nginx):
    """Give an nginx on which an upgrade is under way for as long as the test runs."""
    nginx.start()
    sleep = nginx.place.tool("sleep")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{sleep} 600'\n")
    with nginx.running_script("upgrade") as upgrade:
        checks = lambda: [t for t in nginx.place.processes().values() if t.startswith(sleep)]  # noqa: E731
        wait_until(checks, "the check to run")
        nginx.busy = upgrade
        yield nginx
        upgrade.send_signal(signal.SIGTERM)
        assert 150 == upgrade.wait(20)


@pytest.mark.parametrize("action", ["start", "reload", "upgrade", "restart", "reopen", "stop"])
def test_two_at_once(busy, action):
    """A second action waits as long as --timeout says, and then is 152, saying who is busy."""
    result = busy.script(action, "--timeout", "0.2")

    assert 152 == result.code, result
    assert f"upgrade (pid {busy.busy.pid})" in result.err.splitlines()[-1]
    assert result.seconds < AT_ONCE
    assert busy.busy.poll() is None


def test_status_needs_no_lock(busy):
    """Status looks while another action is under way."""
    result = busy.script("status")

    assert 0 == result.code, result
    assert "an upgrade is unfinished" in result.out


def test_second_waits_and_then_acts(nginx):
    """A second action that may wait goes on when the first has ended."""
    nginx.start()
    sleep = nginx.place.tool("sleep")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{sleep} 0.5'\n")

    with nginx.running_script("upgrade") as upgrade:
        checks = lambda: [t for t in nginx.place.processes().values() if t.startswith(sleep)]  # noqa: E731
        wait_until(checks, "the check to run")
        result = nginx.script("reload")
        upgrade.communicate()

    assert (0, 0) == (upgrade.returncode, result.code), result


def test_lock_of_the_killed_is_free(nginx):
    """A script that was killed holds no lock, nor does the daemon it has started."""
    nginx.start()
    sleep = nginx.place.tool("sleep")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{sleep} 600'\n")
    with nginx.running_script("upgrade") as upgrade:
        checks = lambda: [t for t in nginx.place.processes().values() if t.startswith(sleep)]  # noqa: E731
        wait_until(checks, "the check to run")
        upgrade.kill()
        upgrade.wait()

        result = nginx.script("stop", "--timeout", "1")

    assert 0 == result.code, result


def test_interrupted_wait_for_the_lock(busy):
    """Ctrl-C while waiting for the lock ends the wait, and nothing was done."""
    with busy.running_script("stop") as stop:
        said = ""
        # Progress says that it waits, and for whom.
        while "waiting for another action" not in said and stop.poll() is None:
            said += stop.stdout.readline()
        stop.send_signal(signal.SIGINT)
        _, err = stop.communicate(timeout=10)

    assert 1 == stop.returncode, said + err
    assert "SIGINT" in err.splitlines()[-1]
    assert busy.busy.poll() is None


def test_generate_prints(nginx):
    """Generate without -o prints what it would write."""
    from initpy.tools.command import main

    given = ["--name", nginx.name, "--daemon", nginx.daemon]
    given += ["--config", nginx.config, "--pidfile", nginx.pidfile]
    done = subprocess.run(
        [nginx.wrapper, "--help"], check=False, capture_output=True, text=True, timeout=20
    )
    assert 0 == main(["generate", "nginx", *given, "-o", nginx.wrapper + ".again"])

    with open(nginx.wrapper) as first, open(nginx.wrapper + ".again") as second:
        assert first.read() == second.read()
    assert 2 == done.returncode
    assert os.access(nginx.wrapper, os.X_OK)


def test_generate_reads_the_pidfile_of_the_configuration(nginx):
    """Generate without --pidfile takes it from the configuration."""
    from initpy.tools.command import main

    given = ["--name", nginx.name, "--daemon", nginx.daemon, "--config", nginx.config]

    assert 0 == main(["generate", "nginx", *given, "-o", nginx.wrapper])
    results = [nginx.script(action) for action in ("start", "status", "stop")]

    assert [0] * 3 == [result.code for result in results], results
