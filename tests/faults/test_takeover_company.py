"""php-fpm taken over while somebody else signals its masters, and with many pools."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager

import pytest
from real_daemons import wait_until
from real_load import ROUNDS, Shop

from initpy.state.snapshot import take_snapshot

pytestmark = pytest.mark.fault

POOLS = int(os.environ.get("INITPY_TEST_POOLS", "200"))
AS_LONG_AS_IT_TAKES = 180.0  # seconds; 1,500 pools start in some on an idle machine


@contextmanager
def somebody(fpm, sig, *, every):
    """Have somebody send a signal to whatever master the pidfile names, again and again."""
    done = threading.Event()
    sent = []

    def send():
        while not done.wait(every):
            try:
                pid = fpm.named
                if pid and fpm.host.title(pid).startswith("php-fpm: master"):
                    os.kill(pid, sig)
                    sent.append(pid)
            except (OSError, ValueError):
                continue  # it has just ended, or writes its pidfile

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield sent
    finally:
        done.set()
        sender.join()


def test_reloads_by_somebody_else(place):
    """Somebody reloads php-fpm again and again: upgrades succeed, and one master is left."""
    shop = Shop(place, children=4, settings="process_control_timeout = 10").open()
    with shop.load(asking=8, slowest=0.2) as clients:
        for _ in range(ROUNDS):
            with somebody(shop.fpm, signal.SIGUSR2, every=0.05) as sent:
                upgraded = shop.fpm.act("upgrade")

            assert 0 == upgraded.code, upgraded
            assert sent
            # The last one who was signalled may still be about to execute itself anew.
            wait_until(
                lambda: is_alone(shop.fpm), lambda: f"one master to be left, {look(shop.fpm)}"
            )
        assert [] == clients.bad
    shop.see_settled()


def is_alone(fpm):
    """Tell whether there is one master, and nothing that is starting."""
    seen = look(fpm)
    return 1 == len(seen.masters) and not seen.starting


def look(fpm):
    """Return what is there."""
    return take_snapshot(fpm.service, fpm.host, thorough=True)


def test_old_master_told_to_end_by_somebody_else(place):
    """Somebody's TERM ends the old master and its path: upgrade is 0, the path is made anew."""
    shop = Shop(place, unix=True).open()
    fpm = shop.fpm
    old = fpm.master
    ended = f"while kill -0 {old}; do {place.tool('sleep')} 0.01; done"
    check = place.script("check", f"kill -TERM {old}; {ended}; exit 0")

    upgraded = fpm.act("upgrade", upgrade_check=(check,))

    assert 0 == upgraded.code, upgraded
    assert f"no client reaches {fpm.listen}" in upgraded.err
    assert "a new master has made it anew" in upgraded.err
    assert "done" == shop.ask()
    shop.see_settled()


def test_many_pools(place):
    """php-fpm has as many pools as a hosting company's: no request is lost, one master is left."""
    shop = Shop(place, children=4, settings="rlimit_files = 16384")
    shop.add_pools(
        *(place.path(f"customer-{number:05}.sock") for number in range(POOLS)), children=1
    )
    shop.open()
    with shop.load(asking=4, slowest=0.3) as clients:
        for _ in range(20 if POOLS >= 1000 else 2):
            old = shop.fpm.master

            upgraded = shop.fpm.act("upgrade", upgrade_timeout=AS_LONG_AS_IT_TAKES)

            assert 0 == upgraded.code, upgraded
            assert not shop.fpm.alive(old)
            assert POOLS + 4 == len(shop.fpm.workers)
            seen = take_snapshot(shop.fpm.service, shop.fpm.host, thorough=True)
            assert (shop.fpm.master,) == seen.masters
        assert [] == clients.bad
