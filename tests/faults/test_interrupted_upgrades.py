"""Upgrades of a real nginx that are interrupted: they end forward or back, never between."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from subprocess import CompletedProcess, TimeoutExpired

import pytest
from real_daemons import Client, wait_until
from real_load import heeds, moments

from initpy.state.snapshot import workers_of

pytestmark = pytest.mark.fault

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def back(nginx, old):
    """Check that the old master serves alone."""
    assert old == nginx.master
    wait_until_stable(nginx)


def wait_until_stable(nginx):
    """Check that one master serves, whichever it is, and its pidfile names it."""
    assert nginx.master.pid == nginx.named
    assert not os.path.exists(nginx.oldbin)
    wait_until(lambda: 2 == len(nginx.workers), "both workers")
    nginx.see_only(nginx.master)
    assert "one" == nginx.ask()


def await_end(nginx, old):
    wait_until(lambda: not nginx.alive(old), "the old master to end")


def handed_over(nginx):
    wait_until(lambda: os.path.exists(nginx.oldbin), "the old pidfile")


@pytest.mark.parametrize("sig", SIGNALS)
def test_while_the_new_binary_is_slow(nginx, client, sig):
    """A signal while the new master is awaited: the wait ends, and the old master serves."""
    old = nginx.master
    nginx.fake_binary(f"exec {nginx.place.tool('sleep')} 600")

    with nginx.running_script("upgrade") as upgrade:
        handed_over(nginx)
        upgrade.send_signal(sig)
        said = upgrade.communicate(timeout=10)

    assert 150 == upgrade.returncode, said
    assert sig.name in said[1].splitlines()[-1]
    back(nginx, old)
    assert [] == client.bad


@pytest.mark.parametrize("sig", SIGNALS)
def test_while_the_check_runs(nginx, client, sig):
    """A signal during UPGRADE_CHECK: the check ends, and the old master takes requests again."""
    old = nginx.master
    sleep = nginx.place.tool("sleep")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{sleep} 600'\n")
    nginx.replace_binary()

    with nginx.running_script("upgrade") as upgrade:
        checks = lambda: [t for t in nginx.place.processes().values() if t.startswith(sleep)]  # noqa: E731
        wait_until(checks, "the check to run")
        upgrade.send_signal(sig)
        said = upgrade.communicate(timeout=10)

    assert 150 == upgrade.returncode, said
    back(nginx, old)
    assert [] == client.bad


@pytest.mark.parametrize("sig", SIGNALS)
def test_while_the_old_master_drains(nginx, client, sig):
    """A signal while the old master finishes its requests: it goes on, and is not waited for."""
    nginx.place.settings(nginx.name, "DRAIN_TIMEOUT=infinity\n")
    old = nginx.master
    nginx.replace_binary()

    with nginx.download(), nginx.running_script("upgrade") as upgrade:
        drains = lambda: any(  # noqa: E731
            "is shutting down" in title
            for title in workers_of(nginx.service, old, nginx.host).values()
        )
        wait_until(drains, "the old master to drain")
        upgrade.send_signal(sig)
        said = upgrade.communicate(timeout=10)
        told = nginx.act("status")

    assert 1 == upgrade.returncode, said
    assert f"upgrade is done, master {nginx.master} serves" in said[1]
    assert 0 == told.code
    assert "old processes only finish their requests" in told.out
    assert old != nginx.master
    await_end(nginx, old)
    wait_until_stable(nginx)
    assert [] == client.bad


@pytest.mark.parametrize("sig", SIGNALS)
def test_while_the_configuration_is_tested(nginx, client, sig):
    """A signal during the configuration test: the test ends, and nothing was signalled."""
    old, workers = nginx.master, nginx.workers
    sleep = nginx.place.tool("sleep")
    nginx.fake_binary(f"{sleep} 600", passes_test=False)

    with nginx.running_script("upgrade") as upgrade:
        tests = lambda: [t for t in nginx.place.processes().values() if t.startswith(sleep)]  # noqa: E731
        wait_until(tests, "the configuration test to run")
        upgrade.send_signal(sig)
        said = upgrade.communicate(timeout=10)

    assert 1 == upgrade.returncode, said
    assert sig.name in said[1].splitlines()[-1]
    assert workers == nginx.workers
    back(nginx, old)
    assert [] == client.bad


def test_at_any_moment(nginx, client):
    """A signal at any moment of a good upgrade: forward or back."""
    for number, seconds in enumerate(moments(duration_of_an_upgrade(nginx))):
        old = nginx.master
        nginx.replace_binary()

        said = signalled(nginx, seconds, SIGNALS[number % 3])

        assert said.returncode in (0, 1, 150), said
        # The upgrade is done when only the old workers are waited for.
        left = "they go on without this script" in said.stderr
        assert (0 == said.returncode or left) == (old != nginx.master), said
        if left:
            await_end(nginx, old)
        wait_until_stable(nginx)
    assert [] == client.bad


def duration_of_an_upgrade(nginx):
    """Return how many seconds an upgrade takes from when its script heeds signals."""
    with nginx.running_script("upgrade") as upgrade:
        wait_until(lambda: heeds(upgrade), "the script to heed signals")
        began = time.monotonic()
        upgrade.communicate(timeout=10)
    assert 0 == upgrade.returncode
    return time.monotonic() - began


def signalled(nginx, seconds, sig):
    """Have an upgrade get a signal so many seconds after its script heeds them, if it takes that.

    Return how it ended.
    """
    with nginx.running_script("upgrade") as upgrade:
        wait_until(lambda: heeds(upgrade), "the script to heed signals")
        with suppress(TimeoutExpired):
            upgrade.wait(seconds)
        upgrade.send_signal(sig)
        out, err = upgrade.communicate(timeout=10)
    return CompletedProcess(upgrade.args, upgrade.returncode, out, err)


def test_killed_at_any_moment_and_run_again(nginx, client):
    """The script gets KILL at any moment of an upgrade: the next upgrade finishes it."""
    for seconds in moments(duration_of_an_upgrade(nginx)):
        old = nginx.master
        nginx.replace_binary()
        signalled(nginx, seconds, signal.SIGKILL)

        result = nginx.act("upgrade")

        assert 0 == result.code, result
        assert old != nginx.master
        assert nginx.host.file_id(nginx.daemon) == nginx.host.exe_file(nginx.master)
        wait_until_stable(nginx)
    assert [] == client.bad


def test_killed_during_the_check(nginx):
    """The script is killed after WINCH to the old master: the next upgrade finishes its work."""
    sleep = nginx.place.tool("sleep")
    nginx.start()
    client = Client(nginx)
    try:
        nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{sleep} 600'\n")
        nginx.replace_binary()
        with nginx.running_script("upgrade") as upgrade:
            checks = lambda: [p for p, t in nginx.place.processes().items() if t.startswith(sleep)]  # noqa: E731
            (check,) = wait_until(checks, "the check to run")
            upgrade.kill()
        nginx.kill(check)
        nginx.place.settings(nginx.name, "")

        result = nginx.act("upgrade")

        assert 0 == result.code, result
        wait_until_stable(nginx)
        assert [] == client.bad
    finally:
        client.close()


def test_many_signals(nginx, client):
    """Ctrl-C again and again: the rollback is done to its end."""
    old = nginx.master
    sleep = nginx.place.tool("sleep")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='{sleep} 600'\n")
    nginx.replace_binary()

    def again():
        if upgrade.poll() is None:
            upgrade.send_signal(signal.SIGINT)
        return upgrade.poll() is not None

    with nginx.running_script("upgrade") as upgrade:
        checks = lambda: [t for t in nginx.place.processes().values() if t.startswith(sleep)]  # noqa: E731
        wait_until(checks, "the check to run")
        wait_until(again, "the upgrade to end")
        said = upgrade.communicate()

    assert "Traceback" not in said[1]
    assert "Upgrade failed!" in said[1], said
    back(nginx, old)
    assert [] == client.bad


def test_reader_that_goes_away(nginx, client):
    """The reader of the script's output is gone, as with less(1): the upgrade goes on."""
    nginx.place.settings(nginx.name, "DRAIN_TIMEOUT=1.5\n")
    old = nginx.master
    nginx.replace_binary()

    with nginx.download(), nginx.running_script("upgrade") as upgrade:
        upgrade.stdout.close()
        upgrade.stderr.close()
        code = upgrade.wait(20)
        upgrade.stdout = upgrade.stderr = None

    assert 0 == code
    assert old != nginx.master
    wait_until_stable(nginx)
    assert [] == client.bad
