"""Upgrades of a real nginx that must fail, and harm nobody."""

from __future__ import annotations

import os
from signal import SIGKILL

import pytest
from real_daemons import wait_until

from initpy import StatusCode
from initpy.daemons.nginx import NGINX
from initpy.state.snapshot import workers_of

pytestmark = pytest.mark.fault

SHORT = 2.0  # seconds given to a new master that never comes
LONG = NGINX.upgrade_timeout / 2  # seconds; what is not awaited until that deadline takes less


def unharmed(nginx, old, client, workers=None):
    """Check that the old master serves as if nothing had been."""
    assert old == nginx.master
    assert old.pid == nginx.named
    assert not os.path.exists(nginx.oldbin)
    if workers is not None:
        assert workers == nginx.workers
    assert "one" == nginx.ask()
    nginx.see_only(old)
    assert [] == client.bad
    assert {"one"} == set(client.answered)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("exit 1", id="exits at once"),
        pytest.param("kill -SEGV $$", id="crashes at once"),
    ],
)
def test_binary_that_ends_at_once(nginx, client, body):
    """A new binary ends at once: 150 then, and the old one serves."""
    old, workers = nginx.master, nginx.workers
    nginx.fake_binary(body)

    result = nginx.act("upgrade")

    assert 150 == result.code, result
    assert "ended before it was up" in result.err.splitlines()[-1]
    assert "Upgrade failed!" in result.err.splitlines()[-1]
    assert result.seconds < LONG
    unharmed(nginx, old, client, workers)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("#!/nonexistent\n", id="its interpreter is missing"),
        pytest.param("neither ELF nor script\n", id="no program at all"),
        pytest.param("", id="empty"),
    ],
)
def test_binary_that_cannot_be_executed(nginx, client, text):
    """The kernel cannot execute the new binary: 150 at once, and no signal is sent."""
    old, workers = nginx.master, nginx.workers
    nginx.place.write("sbin/nginx", text, 0o755)

    result = nginx.act("upgrade")

    assert 150 == result.code, result
    assert nginx.daemon in result.err.splitlines()[-1]
    assert result.seconds < LONG
    unharmed(nginx, old, client, workers)


def test_binary_that_may_not_be_executed(nginx, client):
    """The new binary is not executable: 150 at once, and no signal is sent."""
    old, workers = nginx.master, nginx.workers
    nginx.replace_binary()
    os.chmod(nginx.daemon, 0o644)

    result = nginx.act("upgrade")

    assert 150 == result.code, result
    assert nginx.daemon in result.err.splitlines()[-1]
    assert result.seconds < LONG
    unharmed(nginx, old, client, workers)


def test_missing_binary(nginx, client):
    """The binary is gone from the disk: upgrade is 5, and the running one serves on."""
    old, workers = nginx.master, nginx.workers
    os.unlink(nginx.daemon)

    result = nginx.act("upgrade")

    assert 5 == result.code, result
    assert f"{nginx.daemon} is not installed" in result.err
    assert result.seconds < LONG
    unharmed(nginx, old, client, workers)


def test_broken_configuration(nginx, client):
    """The configuration was broken since the start: upgrade is 6, with nginx's own words."""
    old, workers = nginx.master, nginx.workers
    nginx.replace_binary()
    nginx.configure(main="frobnicate on;")

    result = nginx.act("upgrade")

    assert 6 == result.code, result
    assert 'unknown directive "frobnicate"' in result.err
    assert "configuration syntax error" in result.err.splitlines()[-1]
    assert result.seconds < LONG
    unharmed(nginx, old, client, workers)


@pytest.mark.parametrize("passes_test", [True, False])
def test_binary_that_exits_late(nginx, client, passes_test):
    """A new binary exits after half a second: 150 then."""
    old, workers = nginx.master, nginx.workers
    nginx.fake_binary(f"{nginx.place.tool('sleep')} 0.5; exit 1", passes_test=passes_test)

    result = nginx.act("upgrade")

    assert 150 == result.code, result
    assert "Upgrade failed!" in result.err.splitlines()[-1]
    assert result.seconds < LONG
    unharmed(nginx, old, client, workers)


@pytest.mark.parametrize("passes_test", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("exec {sleep} 600", id="hangs"),
        pytest.param("{sleep} 600; exit 1", id="hangs in a child"),
        pytest.param("trap '' TERM QUIT INT HUP; {sleep} 600; exit 1", id="deaf"),
        pytest.param(
            "trap '' TERM QUIT\n(trap '' TERM QUIT; {sleep} 600) &\nwait", id="deaf in background"
        ),
    ],
)
def test_binary_that_hangs_before_its_pidfile(nginx, client, body, passes_test):
    """A new binary never writes its pidfile: it is ended at the deadline, with its children."""
    old, workers = nginx.master, nginx.workers
    nginx.fake_binary(body.format(sleep=nginx.place.tool("sleep")), passes_test=passes_test)

    result = nginx.act("upgrade", "--timeout", str(SHORT))

    assert 150 == result.code, result
    assert "Upgrade failed!" in result.err.splitlines()[-1]
    assert "waited 2 s" in result.err.splitlines()[-1]
    unharmed(nginx, old, client, workers)


def test_new_master_that_gets_no_workers(nginx, client):
    """A new master's workers end before they serve: it is ended at the deadline."""
    old, workers = nginx.master, nginx.workers
    nginx.replace_binary()
    # Passes -t; a worker that cannot go there ends, and is not started again.
    nginx.configure(main="working_directory /proc/nowhere;")

    result = nginx.act("upgrade", "--timeout", str(SHORT))

    assert 150 == result.code, result
    assert "the workers of master" in result.err.splitlines()[-1]
    assert 'chdir("/proc/nowhere") failed' in nginx.logged()
    unharmed(nginx, old, client, workers)


def test_new_master_that_loses_its_workers(nginx, client):
    """A new master's workers serve and then end: it is ended, and the old master serves."""
    old, workers = nginx.master, nginx.workers
    nginx.replace_binary()

    def kill_its_workers():
        named = nginx.named
        new = nginx.host.find(named) if named else None
        for worker in workers_of(nginx.service, new, nginx.host) if new not in (None, old) else ():
            nginx.host.kill(worker, SIGKILL)
        return upgrade.poll() is not None

    with nginx.running_script("upgrade", "--timeout", str(SHORT)) as upgrade:
        wait_until(kill_its_workers, "the upgrade to end")
        said = upgrade.stderr.read()

    assert 150 == upgrade.returncode, said
    assert "workers" in said.splitlines()[-1]
    # A request that a killed worker had taken is lost; that is not the upgrade's doing.
    assert old == nginx.master
    assert workers == nginx.workers
    assert {old, *workers} == set(nginx.place.processes())
    assert "one" == nginx.ask()


@pytest.mark.parametrize("check", ["missing", "/nowhere/missing", "/etc/passwd"])
def test_check_that_cannot_be_run(nginx, client, check):
    """UPGRADE_CHECK names no program, on PATH or at its path: 6, no signal was sent."""
    old = nginx.master
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{check} -x'\n")
    nginx.replace_binary()

    result = nginx.act("upgrade")

    assert 6 == result.code, result
    assert f"UPGRADE_CHECK '{check} -x'" in result.err
    unharmed(nginx, old, client)
    assert result.seconds < LONG


@pytest.mark.parametrize("check", ["false", "sleep 600"])
def test_failing_check(nginx, client, check):
    """UPGRADE_CHECK fails or hangs: the old master serves again."""
    old = nginx.master
    program, *args = check.split()
    path = nginx.place.tool(program)
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{' '.join([path, *args])}'\n")
    nginx.replace_binary()

    result = nginx.act("upgrade", "--timeout", str(SHORT))

    assert 150 == result.code, result
    assert path in result.err.splitlines()[-1]
    unharmed(nginx, old, client)
    wait_until(lambda: 2 == len(nginx.workers), "both workers")


def test_check_sees_only_the_new_master(nginx, client):
    """UPGRADE_CHECK runs: no worker of the old master takes requests meanwhile."""
    seen = nginx.place.path("seen")
    check = nginx.place.script("check", f"cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' > {seen}")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK={check}\n")
    old = nginx.master
    nginx.replace_binary()

    result = nginx.act("upgrade")

    assert 0 == result.code, result
    assert old != nginx.master
    assert os.path.getsize(seen) > 0
    assert [] == client.bad


def test_new_master_killed_when_both_are_up(nginx, client):
    """The new master is killed while both are up: the old one serves."""
    old = nginx.master
    check = nginx.place.script("check", f"kill -9 $(cat {nginx.pidfile}); exit 1")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK={check}\n")
    nginx.replace_binary()

    result = nginx.act("upgrade", "--timeout", str(SHORT))

    assert 150 == result.code, result
    assert old == nginx.master
    assert old.pid == nginx.named
    assert "one" == nginx.ask()
    wait_until(lambda: 2 == len(nginx.workers), "both workers")
    nginx.see_only(old)


def test_upgrade_works_after_a_failed_one(nginx, client):
    """An upgrade was rolled back: the next one works."""
    old = nginx.master
    nginx.fake_binary("exit 1")
    assert 150 == nginx.act("upgrade").code
    nginx.replace_binary()

    result = nginx.act("upgrade")

    assert 0 == result.code, result
    assert old != nginx.master
    assert StatusCode.RUNNING == nginx.act("status").code
    assert [] == client.bad


@pytest.mark.parametrize("broken", [False, True])
def test_rollback_keeps_the_old_configuration(nginx, client, broken):
    """An upgrade is rolled back after WINCH: the old master serves its old configuration."""
    old = nginx.master
    later = nginx.place.write("later.conf", "frobnicate on;\n")
    replace = f"cp {later} {nginx.config}; " if broken else ""
    check = nginx.place.script("check", f"{replace}exit 1")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK={check}\n")
    nginx.configure(answer="two")
    nginx.replace_binary()

    result = nginx.act("upgrade")

    assert 150 == result.code, result
    assert old == nginx.master
    assert old.pid == nginx.named
    assert "one" == nginx.ask()
    wait_until(lambda: 2 == len(nginx.workers), "both workers")
    nginx.see_only(old)
    assert [] == client.bad
    assert {"one", "two"} >= set(client.answered)


def test_rollback_with_a_download_on_the_new_master(nginx, client):
    """A new master with a download is rolled back: it may finish, for DRAIN_TIMEOUT at most."""
    old = nginx.master
    go = nginx.place.path("go")
    sleep = nginx.place.tool("sleep")
    check = nginx.place.script("check", f"until test -e {go}; do {sleep} 0.01; done; exit 1")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK={check}\nDRAIN_TIMEOUT=1\n")
    nginx.replace_binary()

    with nginx.running_script("upgrade") as upgrade:
        checks = lambda: any(check in title for title in nginx.place.processes().values())  # noqa: E731
        wait_until(checks, "the check to run")
        with nginx.download():
            nginx.place.write("go", "")
            said = upgrade.communicate(timeout=20)

    assert 150 == upgrade.returncode, said
    unharmed(nginx, old, client)


def test_settings_broken_meanwhile(nginx, client):
    """The settings file cannot be believed: upgrade is 6, and no signal is sent."""
    old, workers = nginx.master, nginx.workers
    nginx.replace_binary()
    nginx.place.settings(nginx.name, "DRAIN_TIMEOUT=soon\n")

    result = nginx.act("upgrade")

    assert 6 == result.code, result
    unharmed(nginx, old, client, workers)
