"""Every action while another script's upgrade of a real nginx is half done."""

from __future__ import annotations

import os
import signal

import pytest
from real_daemons import Client, can_bind, wait_until

from initpy.control.stable import INFANCY
from initpy.state.snapshot import workers_of

pytestmark = pytest.mark.fault


def serving_alone(nginx, master):
    assert master == nginx.master
    assert master.pid == nginx.named
    assert not os.path.exists(nginx.oldbin)
    wait_until(lambda: 2 == len(nginx.workers), "both workers")
    nginx.see_only(master)
    assert "one" == nginx.ask()


def test_status_tells_of_both(nginx):
    """Both masters are up: status is 0, names both, and changes nothing."""
    nginx.start()
    old, new = nginx.half_upgrade()

    told = nginx.act("status", "--json")
    said = nginx.act("status")

    assert (0, 0) == (told.code, said.code)
    assert (new.pid, old.pid) == (told.json["master"], told.json["old_master"])
    assert f"an upgrade is unfinished: old master {old} still serves" in said.out
    assert nginx.alive(old)
    assert nginx.alive(new)


@pytest.mark.parametrize("action", ["stop", "force-quit"])
def test_stop_ends_both(nginx, action):
    """Both masters are up: stop ends both with all their workers, and removes both pidfiles."""
    nginx.start()
    nginx.half_upgrade()

    result = nginx.act(action)

    assert 0 == result.code, result
    assert {} == nginx.place.processes()
    assert not os.path.exists(nginx.pidfile)
    assert not os.path.exists(nginx.oldbin)
    assert can_bind(nginx.port)


def test_start_has_nothing_to_do(nginx):
    """Both masters are up: start is 0, and both go on."""
    nginx.start()
    old, new = nginx.half_upgrade()

    result = nginx.act("start")

    assert 0 == result.code, result
    assert nginx.alive(old)
    assert nginx.alive(new)
    assert new.pid == nginx.named


def test_restart_leaves_one(nginx):
    """Both masters are up: restart ends both and starts one."""
    nginx.start()
    old, new = nginx.half_upgrade()

    result = nginx.act("restart")

    assert 0 == result.code, result
    assert nginx.master not in (None, old, new)
    serving_alone(nginx, nginx.master)


def test_reload_refuses(nginx):
    """Both masters are up: reload refuses, as the old one would keep its configuration."""
    nginx.start()
    old, new = nginx.half_upgrade()

    result = nginx.act("reload")

    assert 1 == result.code, result
    assert "an upgrade is unfinished" in result.err
    assert nginx.alive(old)
    assert nginx.alive(new)
    assert new.pid == nginx.named
    assert os.path.exists(nginx.oldbin)


def test_reopen_reaches_both(nginx):
    """Both masters are up: reopen makes both close their rotated logs."""
    nginx.start()
    old, new = nginx.half_upgrade()
    os.rename(nginx.log, nginx.log + ".1")

    result = nginx.act("reopen")

    assert 0 == result.code, result
    assert nginx.log + ".1" not in nginx.held(old, new)


def test_upgrade_finishes_it(nginx):
    """Both masters are up: upgrade finishes what was begun."""
    nginx.start()
    client = Client(nginx)
    try:
        _, new = nginx.half_upgrade()

        result = nginx.act("upgrade")

        assert 0 == result.code, result
        serving_alone(nginx, new)
        assert [] == client.bad
    finally:
        client.close()


def test_upgrade_goes_on_to_a_yet_newer_binary(nginx):
    """Both masters are up, a newer binary is on disk: upgrade finishes, and upgrades again."""
    nginx.start()
    old, new = nginx.half_upgrade()
    nginx.replace_binary()

    result = nginx.act("upgrade")

    assert result.code in (0, 150), result
    if result.code == 0:
        assert nginx.master not in (old, new)
        assert nginx.host.file_id(nginx.daemon) == nginx.host.exe_file(nginx.master)
    serving_alone(nginx, nginx.master)


def test_upgrade_after_winch(nginx):
    """A script was killed after WINCH, the old master has no workers: upgrade finishes it."""
    nginx.start()
    old, new = nginx.half_upgrade()
    nginx.kill(old, signal.SIGWINCH)
    wait_until(lambda: not workers_of(nginx.service, old, nginx.host), "its workers to go")

    result = nginx.act("upgrade")

    assert 0 == result.code, result
    serving_alone(nginx, new)


def test_upgrade_after_quit(nginx):
    """A script was killed after QUIT, the old master drains: upgrade waits for its end."""
    nginx.start()
    with nginx.download():
        old, new = nginx.half_upgrade()
        nginx.kill(old, signal.SIGQUIT)

        result = nginx.act("upgrade", drain_timeout=1.0)

    assert 0 == result.code, result
    serving_alone(nginx, new)


def hanging(nginx):
    """Leave an upgrade whose new binary hangs before it has written its pidfile."""
    old = nginx.start()
    nginx.fake_binary(f"exec {nginx.place.tool('sleep')} 600")
    nginx.kill(old, signal.SIGUSR2)
    wait_until(lambda: os.path.exists(nginx.oldbin), "the old pidfile")
    sleeps = lambda: [t for t in nginx.place.processes().values() if "sleep" in t]  # noqa: E731
    wait_until(sleeps, "the new binary to hang")
    return old


def test_status_with_a_hung_binary(nginx):
    """The new binary hangs: status is 0, and says that no new master is up yet."""
    old = hanging(nginx)

    told = nginx.act("status")

    assert 0 == told.code, told
    assert f"master {old}" in told.out
    assert "an upgrade is unfinished" in told.out
    assert nginx.alive(old)


def test_stop_with_a_hung_binary(nginx):
    """The new binary hangs: stop ends it too, because it holds the service's sockets."""
    hanging(nginx)

    result = nginx.act("stop")

    assert 0 == result.code, result
    assert {} == nginx.place.processes()
    assert can_bind(nginx.port)
    assert not os.path.exists(nginx.oldbin)


def test_restart_with_a_hung_binary(nginx):
    """The new binary hangs: restart ends it too, and starts the good one on the disk."""
    old = hanging(nginx)
    nginx.replace_binary()

    result = nginx.act("restart")

    assert 0 == result.code, result
    assert old != nginx.master
    serving_alone(nginx, nginx.master)


def test_reload_with_a_hung_binary(nginx):
    """The new binary hangs: reload refuses and says why, and the old master serves."""
    old = hanging(nginx)
    nginx.replace_binary()

    result = nginx.act("reload")

    assert 1 == result.code, result
    assert "an upgrade is unfinished" in result.err
    assert nginx.alive(old)
    assert "one" == nginx.ask()


def test_upgrade_with_a_hung_binary(nginx):
    """The new binary hangs: upgrade waits for it, and then returns to the old master."""
    old = hanging(nginx)

    result = nginx.act("upgrade", "--timeout", "1")

    assert 150 == result.code, result
    serving_alone(nginx, old)


@pytest.mark.parametrize("action", ["status", "stop", "upgrade"])
def test_new_master_killed(nginx, action):
    """The new master was killed, nginx itself has gone back: every action sees one master."""
    old = nginx.start()
    _, new = nginx.half_upgrade()
    orphans = set(workers_of(nginx.service, new, nginx.host))
    nginx.kill(new)
    wait_until(lambda: nginx.named == old.pid, "the old master to take its pidfile back")

    result = nginx.act(action)

    assert 0 == result.code, result
    if action == "stop":
        assert {} == nginx.place.processes()
        assert can_bind(nginx.port)
    elif action == "upgrade":
        assert old != nginx.master
        assert "one" == nginx.ask()
    else:
        assert old == nginx.master
        assert orphans <= set(nginx.place.processes())


@pytest.mark.parametrize("action", ["status", "stop", "restart", "upgrade"])
def test_old_master_killed(nginx, action):
    """The old master was killed: the new one is the service, and .oldbin is stale."""
    nginx.start()
    old, new = nginx.half_upgrade()
    nginx.kill(old)
    nginx.see_gone(old)

    result = nginx.act(action)

    assert 0 == result.code, result
    if action == "status":
        assert new == nginx.master
    elif action == "stop":
        assert {} == nginx.place.processes()
        assert not os.path.exists(nginx.oldbin)
    else:
        assert nginx.master not in (None, old, new)
        assert nginx.master.pid == nginx.named
        assert "one" == nginx.ask()


@pytest.mark.parametrize("action", ["status", "stop", "upgrade"])
def test_both_pidfiles_lost(nginx, action):
    """Both pidfiles are lost: both masters are found by identity."""
    nginx.start()
    old, new = nginx.half_upgrade()
    os.unlink(nginx.pidfile)
    os.unlink(nginx.oldbin)
    # A child that bears its master's title is taken for a worker to be, for a moment.
    wait_until(lambda: nginx.host.age(new) > INFANCY, "the new master to come of age")

    result = nginx.act(action, "--timeout", "3")

    if action == "status":
        assert 0 == result.code, result
        assert f"old master {old}" in result.out
    elif action == "stop":
        assert 0 == result.code, result
        assert {} == nginx.place.processes()
    else:
        assert result.code in (0, 150), result
        assert nginx.master.pid == nginx.named
        assert "one" == nginx.ask()
        assert 1 == len({old, new, nginx.master} & set(nginx.place.processes()))
