"""Upgrades of a real nginx that succeed, and those that cannot be begun."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager

import pytest
from real_daemons import AT_ONCE, Client, wait_until

from initpy.state.snapshot import workers_of

pytestmark = pytest.mark.real

UPGRADES = 20


def test_twenty_upgrades_under_load(nginx, client):
    """Twenty upgrades while clients never pause: another master each, and no request fails."""
    masters = [nginx.master]
    for _ in range(UPGRADES):
        nginx.replace_binary()
        before = nginx.act("status", "--json").json["binary_replaced"]

        result = nginx.act("upgrade")

        assert 0 == result.code, result
        after = nginx.act("status", "--json").json["binary_replaced"]
        assert (True, False) == (before, after)
        masters.append(nginx.master)
        assert nginx.host.file_id(nginx.daemon) == nginx.host.exe_file(nginx.master)
        assert nginx.master.pid == nginx.named
        assert not os.path.exists(nginx.oldbin)
        assert {nginx.master, *nginx.workers} == set(nginx.place.processes())
    assert UPGRADES + 1 == len(set(masters))
    assert [] == client.bad
    assert client.answered["one"] > UPGRADES


def test_upgrade_by_the_wrapper(nginx, client):
    """The generated script does it with the same result."""
    old = nginx.master
    nginx.replace_binary()

    told, result = nginx.script("status"), nginx.script("upgrade")

    assert "the binary on disk is newer than the running one: upgrade" in told.out
    assert 0 == result.code, result
    assert old != nginx.master
    assert [] == client.bad


def test_upgrade_to_the_same_binary(nginx):
    """Upgrade to a binary that was not replaced replaces the master all the same."""
    old = nginx.start()

    result = nginx.act("upgrade")

    assert 0 == result.code, result
    assert old != nginx.master


def test_a_new_configuration_is_taken(nginx):
    """The new master reads the configuration as it is now."""
    nginx.start()
    nginx.replace_binary()
    nginx.configure(answer="two")

    result = nginx.act("upgrade")

    assert 0 == result.code, result
    assert "two" == nginx.ask()


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_running_one_was_moved_away(nginx, client, how):
    """Make install's nginx.old, and a package's deleted binary, are upgraded."""
    old = nginx.master
    if how == "renamed":
        os.rename(nginx.daemon, nginx.daemon + ".old")
    else:
        os.unlink(nginx.daemon)
    nginx.replace_binary()

    result = nginx.act("upgrade")

    assert 0 == result.code, result
    assert old != nginx.master
    assert nginx.host.file_id(nginx.daemon) == nginx.host.exe_file(nginx.master)
    assert [] == client.bad


def test_reload_and_stop_after_upgrades(nginx):
    """The new master is as good as one that was started."""
    nginx.start()
    nginx.replace_binary()
    assert 0 == nginx.act("upgrade").code
    nginx.configure(answer="two")

    results = [nginx.act(action) for action in ("reload", "upgrade", "restart", "stop")]

    assert [0] * 4 == [result.code for result in results], results
    assert {} == nginx.place.processes()


def test_upgrade_with_a_lost_pidfile(nginx, client):
    """A pidfile that was removed is repaired first: nginx would abandon an upgrade without."""
    old = nginx.master
    os.unlink(nginx.pidfile)
    nginx.replace_binary()

    result = nginx.act("upgrade")

    assert 0 == result.code, result
    assert f"restored {nginx.pidfile}" in result.err
    assert old != nginx.master
    assert nginx.master.pid == nginx.named
    assert [] == client.bad


def test_upgrade_with_a_held_download(nginx):
    """Progress is shown while the old master drains, and DRAIN_TIMEOUT ends it; exit 0."""
    old = nginx.start()
    nginx.place.settings(nginx.name, "DRAIN_TIMEOUT=2\n")
    nginx.replace_binary()
    with nginx.download():
        result = nginx.script("upgrade")

    assert 0 == result.code, result
    assert 2 <= result.seconds < AT_ONCE
    assert "waiting for 1 old worker" in result.out
    assert "after 2 s" in result.err
    assert not nginx.alive(old)
    assert not os.path.exists(nginx.oldbin)
    assert nginx.master.pid == nginx.named
    assert {nginx.master, *nginx.workers} == set(nginx.place.processes())


def test_second_upgrade_while_the_old_one_drains(nginx):
    """A second upgrade waits until the first one has drained, and says for what."""
    nginx.start()
    nginx.replace_binary()
    with nginx.download(), nginx.running_script("upgrade") as first:
        wait_until(lambda: draining(nginx), "the old master to drain")

        second = nginx.act("upgrade", "--timeout", "0.2")

        assert 152 == second.code, second
        assert "old processes finish their requests" in second.err
        assert first.poll() is None


def test_upgrade_while_an_old_master_drains_by_hand(nginx):
    """An old master that drains, its script gone, is waited for; then all is done."""
    nginx.start()
    with nginx.download():
        old, new = nginx.half_upgrade()
        nginx.kill(old, signal.SIGQUIT)
        wait_until(lambda: draining(nginx), "the old master to drain")

        result = nginx.act("upgrade", drain_timeout=1.0)

    assert 0 == result.code, result
    assert not nginx.alive(old)
    assert new == nginx.master
    assert new.pid == nginx.named


def draining(nginx):
    """Tell whether any worker of the place finishes its last requests."""
    return any("is shutting down" in title for title in nginx.place.processes().values())


def test_check_passes(nginx, client):
    """With an UPGRADE_CHECK that succeeds the upgrade goes forward."""
    check = nginx.place.script("check", f"test -s {nginx.pidfile}.oldbin")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK={check}\n")
    old = nginx.master
    nginx.replace_binary()

    result = nginx.act("upgrade")

    assert 0 == result.code, result
    assert old != nginx.master
    assert [] == client.bad


def test_check_on_path(nginx, client):
    """A bare command is looked for on PATH, not on the caller's."""
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK='test -s {nginx.pidfile}.oldbin'\n")
    old = nginx.master

    result = nginx.script("upgrade", env={"PATH": "/nowhere"})

    assert 0 == result.code, result
    assert old != nginx.master
    assert [] == client.bad


def test_old_settings_bound_the_upgrade(nginx):
    """UPGRADEWAITLOOPS times SLEEPMSEC is the deadline of the new master."""
    nginx.start()
    nginx.place.settings(nginx.name, "UPGRADEWAITLOOPS=5\nSLEEPMSEC=100000\n")
    nginx.fake_binary(f"exec {nginx.place.tool('sleep')} 600")

    result = nginx.act("upgrade")

    assert 150 == result.code, result
    assert "waited 0.5 s" in result.err


@contextmanager
def started_by_hand(nginx, argv, *, gone, **options):
    """Start nginx as no init script would, and yield its master.

    gone: whether the process that starts it ends before nginx is up.
    """
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **options)
    try:
        if gone:
            assert 0 == child.wait()
        yield wait_until(
            lambda: nginx.master if len(nginx.workers) == nginx.crew else None, "nginx"
        )
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def refused(nginx, master, workers, result, code=150):
    """Check that an upgrade was refused with a reason, and that nothing was harmed."""
    assert code == result.code, result
    assert result.seconds < AT_ONCE
    assert (master, workers) == (nginx.master, nginx.workers)
    assert master.pid == nginx.named
    assert not os.path.exists(nginx.oldbin)
    assert "one" == nginx.ask()
    assert {master, *workers} == set(nginx.place.processes())


def test_started_by_a_relative_path(nginx):
    """Nginx executes its argv[0] as it stands: a relative one cannot be upgraded, and why."""
    argv = ["./sbin/nginx", "-c", nginx.config]
    with started_by_hand(nginx, argv, gone=True, cwd=nginx.place.root) as master:
        workers = nginx.workers
        nginx.replace_binary()

        result = nginx.act("upgrade")

        refused(nginx, master, workers, result)
        assert "was started as './sbin/nginx'" in result.err


def test_started_by_a_bare_name(nginx):
    """Nor can one that was started by its bare name, along PATH."""
    path = nginx.place.path("sbin")
    argv = ["nginx", "-c", nginx.config]
    environment = {"PATH": path}
    with started_by_hand(nginx, argv, gone=True, env=environment, cwd="/") as master:
        workers = nginx.workers
        nginx.replace_binary()

        result = nginx.act("upgrade")

        refused(nginx, master, workers, result)
        assert "was started as 'nginx'" in result.err


def test_in_the_foreground_under_a_supervisor(nginx):
    """With daemon off and a live parent nginx ignores USR2: upgrade is 3, at once."""
    argv = [nginx.daemon, "-g", "daemon off;", "-c", nginx.config]
    with started_by_hand(nginx, argv, gone=False) as master:
        workers = nginx.workers
        nginx.replace_binary()

        result = nginx.act("upgrade")

        refused(nginx, master, workers, result, code=3)
        assert "ignored USR2" in result.err
        assert f"its parent, pid {os.getpid()}, still runs" in result.err


@pytest.mark.parametrize("action", ["reload", "reopen", "status", "stop"])
def test_other_actions_in_the_foreground(nginx, action):
    """Everything else works on an nginx in the foreground."""
    argv = [nginx.daemon, "-g", "daemon off;", "-c", nginx.config]
    with started_by_hand(nginx, argv, gone=False) as master:
        result = nginx.act(action)

        assert 0 == result.code, result
        assert nginx.alive(master) == (action != "stop")


def test_old_workers_serve_until_new_ones_do(nginx):
    """The old master is let go only when the new one's workers serve."""
    old = nginx.start()
    nginx.replace_binary()
    seen = nginx.place.path("seen")
    check = nginx.place.script("check", f"cp {nginx.pidfile} {seen}")
    nginx.place.settings(nginx.name, f"UPGRADE_CHECK={check}\n")

    result = nginx.act("upgrade")

    assert 0 == result.code, result
    with open(seen) as file:
        assert nginx.master.pid == int(file.read())
    assert not nginx.alive(old)
    assert 2 == len(workers_of(nginx.service, nginx.master, nginx.host))


def test_two_upgrades_at_once(nginx):
    """Of two upgrades at once one waits for the other; both end well, one after the other."""
    nginx.start()
    client = Client(nginx)
    try:
        nginx.replace_binary()
        with nginx.running_script("upgrade") as first, nginx.running_script("upgrade") as second:
            said = first.communicate(timeout=30), second.communicate(timeout=30)

        assert (0, 0) == (first.returncode, second.returncode), said
        assert nginx.master.pid == nginx.named
        assert {nginx.master, *nginx.workers} == set(nginx.place.processes())
        assert [] == client.bad
    finally:
        client.close()
