"""What an exit code claims is true at that moment, on busy hosts and while others act."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, contextmanager

import pytest
from real_daemons import ROUNDS, Nginx, wait_until
from real_load import load

from initpy.actions.status import status
from initpy.host import Host

pytestmark = pytest.mark.real

INSTANCES = int(os.environ.get("INITPY_TEST_INSTANCES", "8"))  # that are upgraded at once


@contextmanager
def asked_all_the_time(site):
    """Ask for the status meanwhile, without a pause; yield the codes."""
    codes, over = [], threading.Event()

    def ask():
        host = Host()
        while not over.is_set():
            codes.append(status(site.service, host).code)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield codes
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("action", ["reload", "upgrade"])
def test_status_of_a_service_that_serves(site, action):
    """In the middle of a reload or an upgrade a service is not dead, whatever its pidfile says."""
    site.start()
    with asked_all_the_time(site) as codes:
        results = [site.act(action) for _ in range(ROUNDS)]

    assert {0} == {result.code for result in results}, results
    assert {0} == set(codes)
    assert len(codes) > ROUNDS


def families(sites):
    """Return the masters and workers of these."""
    return {process for site in sites for process in (site.master, *site.workers)}


def test_upgrades_of_many_instances(place):
    """Upgraded at once on a busy host: 0 says that the new master serves, 150 that the old does."""
    sites = [Nginx(place, f"nginx-{number}") for number in range(INSTANCES)]
    masters = {site: site.start() for site in sites}
    sites[0].replace_binary()  # they share it
    with load(f":{sites[0].port}", "/", asking=2) as clients, ExitStack() as stack:
        for _ in range(4):
            running = {site: stack.enter_context(site.running_script("upgrade")) for site in sites}
            said = {site: script.communicate(timeout=120) for site, script in running.items()}
            for site, script in running.items():
                old, masters[site] = masters[site], site.master

                assert script.returncode in (0, 150), said[site]
                assert (script.returncode == 150) == (old == masters[site]), said[site]
                assert "one" == site.ask()
            wait_until(lambda: families(sites) == set(place.processes()), "their families alone")
        assert [] == clients.bad
