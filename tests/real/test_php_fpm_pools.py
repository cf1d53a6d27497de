"""Actions on a real php-fpm with several pools: each of them serves, or is named."""

from __future__ import annotations

import os
import signal

import pytest
from real_daemons import free_port, wait_until
from real_load import ROUNDS, Shop

pytestmark = pytest.mark.real

# Its workers end before they have a title: fpm_unix_init_child changes the AppArmor hat.
LIFELESS = "apparmor_hat = none"


def pool(fpm, name, *lines, pm="static", children=2):
    """Write another pool, at a port of its own."""
    text = f"[{name}]\nuser = www-data\nlisten = 127.0.0.1:{free_port()}\npm = {pm}\n"
    text += f"pm.max_children = {children}\n" + "".join(f"{line}\n" for line in lines)
    fpm.place.write(f"{fpm.folder}/pool.d/{name}.conf", text)


def both(fpm, *lines):
    """Start a php-fpm with two pools."""
    pool(fpm, "batch", *lines)
    fpm.crew += 2
    return fpm.start()


def remove_pool(fpm, name):
    """Take a pool out of the configuration."""
    os.remove(fpm.path("pool.d", f"{name}.conf"))


def count(fpm, name):
    """Return how many workers a pool has."""
    titles = [fpm.host.title(worker.pid) for worker in fpm.workers]
    return titles.count(f"php-fpm: pool {name}")


def test_start_beside_a_lifeless_pool(fpm):
    """A pool whose workers cannot live is named, and start is not 0; the others serve."""
    pool(fpm, "batch", LIFELESS)

    started = fpm.act("start", "--timeout", "1")

    assert 1 == started.code, started
    assert "no worker of pool batch lives" in started.err
    assert fpm.ask()
    told = fpm.act("status")
    assert 0 == told.code, told
    assert "no worker of pool batch takes requests" in told.out
    assert 1 == fpm.act("start", "--timeout", "1").code
    remove_pool(fpm, "batch")
    assert 0 == fpm.act("reload").code
    assert 0 == fpm.act("start").code
    assert 0 == fpm.act("stop").code


@pytest.mark.parametrize("change", ["lifeless", "none left"])
def test_upgrade_to_a_lifeless_pool(fpm, change):
    """An upgrade after which a pool would not serve is rolled back, and the pool is named."""
    before = both(fpm)
    if change == "lifeless":
        pool(fpm, "batch", LIFELESS)
    else:  # the first pool takes all that may be started
        fpm.configure(settings="process.max = 2")

    upgraded = fpm.act("upgrade", upgrade_timeout=1.0)

    assert 150 == upgraded.code, upgraded
    assert "pool " in upgraded.err
    assert before == fpm.master
    assert fpm.ask()
    assert (2, 2) == (count(fpm, "www"), count(fpm, "batch"))


def test_restart_to_a_lifeless_pool(fpm):
    """A restart after which a pool would not serve is none: 1, and all pools serve as before."""
    before = both(fpm)
    pool(fpm, "batch", LIFELESS)

    restarted = fpm.act("restart", "--timeout", "1")

    assert 1 == restarted.code, restarted
    assert "pool batch" in restarted.err
    assert before == fpm.master
    assert fpm.ask()
    assert (2, 2) == (count(fpm, "www"), count(fpm, "batch"))


@pytest.mark.parametrize("action", ["reload", "restart"])
def test_lifeless_pool(fpm, action):
    """The other pools serve after a reload or plain restart that is not 0."""
    fpm.place.settings(fpm.name, "RESTART=plain\n")
    both(fpm)
    pool(fpm, "batch", LIFELESS)

    done = fpm.act(action, "--timeout", "1")

    assert 1 == done.code, done
    assert "pool batch" in done.err
    assert fpm.ask()
    assert 0 == count(fpm, "batch")
    assert "no worker of pool batch" in fpm.act("status").out
    assert 1 == fpm.act("start", "--timeout", "1").code


def test_lifeless_pool_of_somebody_elses_reload(fpm):
    """Where the pools are not known by name, that nothing takes a pool's requests is seen."""
    both(fpm)
    before = fpm.master
    pool(fpm, "batch", LIFELESS)
    os.kill(before.pid, signal.SIGUSR2)
    wait_until(lambda: fpm.master not in (None, before) and count(fpm, "www"), "the reload")

    told, started = fpm.act("status"), fpm.act("start", "--timeout", "1")

    assert "no worker of pool 127.0.0.1:" in told.out
    assert 1 == started.code, started
    assert "at 127.0.0.1:" in started.err
    assert fpm.ask()


def test_static_pools_are_up(fpm):
    """When start returns, each static pool has all its workers."""
    fpm.configure(children=8)
    pool(fpm, "batch", children=12)
    for _ in range(ROUNDS):
        assert 0 == fpm.act("start").code
        assert (8, 12) == (count(fpm, "www"), count(fpm, "batch"))
        assert 0 == fpm.act("stop").code


def test_pool_on_demand_has_become_static(fpm):
    """A start of a running master awaits the pools that it has, not those of the file."""
    fpm.configure(pm="ondemand")
    fpm.start()
    fpm.configure(pm="static")

    assert 0 == fpm.act("start", "--timeout", "1").code


def test_upgrade_with_few_requests_for_each_worker(place):
    """Workers that end after some requests, as they should, do not make an upgrade fail."""
    shop = Shop(place, children=4, pool="pm.max_requests = 2").open()
    with shop.load(asking=8, slowest=0.1) as clients:
        for _ in range(ROUNDS):
            old = shop.fpm.master

            upgraded = shop.fpm.act("upgrade")

            assert 0 == upgraded.code, upgraded
            assert not shop.fpm.alive(old)
        assert [] == clients.bad
