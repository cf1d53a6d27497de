"""Scripts that are killed at any moment: whoever comes next finishes, and it always serves."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest
from real_daemons import wait_until
from real_load import KILLS, Shop, crash, moments

from initpy.state.snapshot import take_snapshot, workers_of

pytestmark = pytest.mark.fault


def run_until_killed(site, action, seconds):
    """Run the wrapper and SIGKILL it after so long."""
    script = subprocess.Popen(
        [site.wrapper, action],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        script.wait(seconds)
    except subprocess.TimeoutExpired:
        script.kill()
        script.wait()


def duration_of(site, action):
    """Return how long an action takes that nobody kills."""
    began = time.monotonic()
    result = site.script(action)
    assert 0 == result.code, result
    return time.monotonic() - began


def wait_until_stable(site, crew):
    """Wait until only *crew* runs, and check that nothing tells of an upgrade any more."""
    running = lambda: set(site.place.processes())  # noqa: E731
    what = lambda: f"{site.place.processes()} to be {crew()}"  # noqa: E731
    wait_until(lambda: crew() == running(), what)
    told = site.act("status", "--json").json
    assert site.named == told["master"]
    assert (0, [], None) == (told["code"], told["orphans"], told["old_master"])
    assert "ok" == told["pidfile_state"]
    assert not os.path.exists(site.service.oldbin)


def kill_and_carry_on(site, action, seconds, crew, *, codes=(0,), then=""):
    """Kill an action; check that it serves, and that the same action again recovers.

    then: another action that does so.
    """
    run_until_killed(site, action, seconds)

    told = site.act("status")
    again = site.act(then or action)

    assert told.code in codes, (seconds, told)
    assert 0 == again.code, (seconds, told, again)
    wait_until_stable(site, crew)


def test_nginx_upgrade(nginx, client):
    """An upgrade of nginx is killed at any moment: it serves, and upgrade finishes the work."""
    duration = duration_of(nginx, "upgrade")
    crew = lambda: {nginx.master, *nginx.workers}  # noqa: E731
    for seconds in moments(duration):
        kill_and_carry_on(nginx, "upgrade", seconds, crew)

    assert [] == client.bad


def test_php_fpm_upgrade(place):
    """An upgrade of php-fpm is killed at any moment: it serves, and upgrade finishes the work."""
    shop = Shop(place, unix=True, children=6).open_both()
    with shop.load_both() as bad:
        duration = duration_of(shop.fpm, "upgrade")
        for seconds in moments(duration):
            kill_and_carry_on(shop.fpm, "upgrade", seconds, lambda: shop.crew)

        assert [] == bad()
    assert ["done", "done"] == [shop.ask(), shop.ask(1)]


@pytest.mark.parametrize("then", ["restart", "start", "upgrade", "reload"])
def test_nginx_restart(nginx, client, then):
    """A restart of nginx is killed at any moment: it serves, and any action finishes the work."""
    duration = duration_of(nginx, "restart")
    crew = lambda: {nginx.master, *nginx.workers}  # noqa: E731
    for seconds in moments(duration, KILLS // 4 + 1):
        kill_and_carry_on(nginx, "restart", seconds, crew, then=then)

    assert [] == client.bad


@pytest.mark.parametrize("then", ["restart", "upgrade"])
def test_php_fpm_restart(place, then):
    """A restart of php-fpm is killed at any moment: it serves, and any action finishes the work."""
    shop = Shop(place, unix=True, children=6).open_both()
    with shop.load_both() as bad:
        duration = duration_of(shop.fpm, "restart")
        for seconds in moments(duration, KILLS // 4 + 1):
            kill_and_carry_on(shop.fpm, "restart", seconds, lambda: shop.crew, then=then)

        assert [] == bad()


def test_nginx_recovery(nginx, client):
    """The start that recovers nginx is killed at any moment: start finishes, and upgrade works."""
    crew = lambda: {nginx.master, *nginx.workers}  # noqa: E731
    duration = recovery_of(nginx)
    for seconds in moments(duration, KILLS // 2 + 1):
        crash(nginx)
        # A master may be up, or not yet; what matters is that it serves.
        kill_and_carry_on(nginx, "start", seconds, crew, codes=(0, 1))
        upgraded = nginx.act("upgrade")

        assert 0 == upgraded.code, (seconds, upgraded)

    assert [] == client.bad


def test_php_fpm_recovery(place):
    """The start that recovers php-fpm is killed at any moment: start finishes the work."""
    shop = Shop(place, unix=True, children=6).open_both()
    with shop.load_both() as bad:
        duration = recovery_of(shop.fpm)
        for seconds in moments(duration, KILLS // 2 + 1):
            crash(shop.fpm)
            kill_and_carry_on(shop.fpm, "start", seconds, lambda: shop.crew, codes=(0, 1))

        assert [] == bad()


def recovery_of(site):
    """Kill the master; return how long a start takes to recover."""
    crash(site)
    return duration_of(site, "start")


@pytest.mark.parametrize("sig", [signal.SIGSTOP, None], ids=["old one stopped", "both serving"])
def test_two_masters(place, sig):
    """Two php-fpm masters of one configuration: status says so, and upgrade leaves the newer."""
    shop = Shop(place, children=6).open()
    with shop.load(asking=4, slowest=0.3) as clients:
        old, new = two_masters(shop)
        if sig:
            shop.fpm.kill(old, sig)

        told = shop.fpm.act("status")
        result = shop.fpm.act("upgrade")

        assert 0 == told.code, told
        assert f"{old}" in told.out.partition("\n")[2], told
        assert "unfinished" in told.out
        assert 0 == result.code, result
        assert new == shop.fpm.master
        wait_until_stable(shop.fpm, lambda: shop.crew)
        assert [] == clients.bad


@pytest.mark.parametrize("action", ["stop", "force-quit", "restart", "start", "reload"])
def test_two_masters_and_another_action(place, action):
    """Two php-fpm masters of one configuration: stop ends both, any other action leaves one."""
    shop = Shop(place).open()
    old, new = two_masters(shop)

    result = shop.fpm.act(action)

    assert 0 == result.code, result
    assert not shop.fpm.alive(old)
    if action in ("stop", "force-quit"):
        assert {shop.front.master, *shop.front.workers} == set(place.processes())
        assert not os.path.exists(shop.fpm.pidfile)
        assert not os.path.exists(shop.fpm.service.oldbin)
        return
    assert (action == "start") == shop.fpm.alive(new)
    wait_until_stable(shop.fpm, lambda: shop.crew)
    assert "done" == shop.ask()


def two_masters(shop):
    """Leave what a takeover leaves that is killed when both are up. Return old and new."""
    fpm = shop.fpm
    old = fpm.master
    sleep = fpm.place.tool("sleep")
    fpm.place.settings(fpm.name, f"UPGRADE_CHECK='{sleep} 600'\n")
    checks = lambda: [p for p, t in fpm.place.processes().items() if t.startswith(sleep)]  # noqa: E731
    with fpm.running_script("upgrade") as upgrade:
        (check,) = wait_until(checks, "the check to run")
        upgrade.kill()
    fpm.kill(check)
    fpm.see_gone(check)
    fpm.place.settings(fpm.name, "")
    masters = take_snapshot(fpm.service, fpm.host, thorough=True).masters
    (new,) = set(masters) - {old}
    wait_until(lambda: len(workers_of(fpm.service, new, fpm.host)) == fpm.crew, "its workers")
    return old, new


@pytest.mark.parametrize("action", ["status", "upgrade", "stop", "restart", "reload", "start"])
def test_orphans_beside_a_master(place, action):
    """Orphans beside a live php-fpm master: status reports them, any other action ends them."""
    shop = Shop(place, children=3).open()
    orphans = orphans_beside(shop)

    result = shop.fpm.act(action, drain_timeout=1.0)

    assert 0 == result.code, result
    if action == "status":
        assert all(str(orphan) in result.out for orphan in orphans), result
        assert all(map(shop.fpm.alive, orphans))
        return
    assert [] == [orphan for orphan in orphans if shop.fpm.alive(orphan)]
    if action == "stop":
        assert {shop.front.master, *shop.front.workers} == set(place.processes())
    else:
        wait_until_stable(shop.fpm, lambda: shop.crew)
        assert "done" == shop.ask()


def orphans_beside(shop):
    """Leave what a takeover leaves that is killed when it has ended the old master."""
    fpm = shop.fpm
    old, _ = two_masters(shop)
    fpm.kill(old, signal.SIGSTOP)
    orphans = set(workers_of(fpm.service, old, fpm.host))
    fpm.kill(old)
    fpm.see_gone(old)
    assert all(map(fpm.alive, orphans))
    return orphans
