"""--explain: which process was looked at, what was compared, and why it was believed or not."""

from __future__ import annotations

import os

import pytest
from elsewhere import Instance
from real_daemons import Nginx
from real_load import crash

from initpy.cli import VERBS

pytestmark = pytest.mark.real

ENDING = ("stop", "force-quit")


@pytest.mark.parametrize("action", VERBS)
def test_every_action(site, action):
    """Every action names the master, what was compared of it, and that it was believed."""
    master = site.start()
    namespace = os.readlink("/proc/self/ns/net")
    compared = (
        f"pidfile {site.pidfile}: ok, it names pid {master}",
        f"pid {master}: network namespace {namespace}, ours is {namespace}",
        f"pid {master}: root directory ",
        f"pid {master}: executable {site.daemon}",
        f"pid {master}: configuration {site.config}, ours is {site.config}",
        f"pid {master} ({site.host.title(master.pid)[:60]}): it is the master",
    )

    result = site.act(action, "--explain")

    assert 0 == result.code, result
    needed = compared if action not in ("configtest", "testconfig") else ()
    assert [] == [sentence for sentence in needed if f"{site.name}: {sentence}" not in result.err]


def test_why_not(site):
    """Of another instance it says what it reads, and that this is not ours."""
    other = type(site)(site.place, "other")
    other.start()
    site.place.write(f"{site.folder}/daemon.pid", f"{other.master}\n")

    result = site.act("status", "--explain")

    assert 1 == result.code, result
    compared = f"pid {other.master}: configuration {other.config}, ours is {site.config}"
    assert compared in result.err
    assert f": it reads the configuration {other.config}, not {site.config}" in result.err


@pytest.mark.parametrize("action", ["status", "stop"])
def test_workers_without_a_master(place, action):
    """Of workers without a master it says which are ours, and which are another instance's."""
    ours, other = Nginx(place), Nginx(place, "other")
    for site in (ours, other):
        site.start()
    orphans, strangers = crash(ours), crash(other)

    result = ours.act(action, "--explain")

    told = "pid {} (nginx: worker process): {}".format
    wanted = [told(orphan, "ours") for orphan in orphans]
    wanted += [told(stranger, "another instance's") for stranger in strangers]
    assert [] == [sentence for sentence in wanted if sentence not in result.err], result


def test_in_json(site):
    """In JSON it is a list of sentences."""
    master = site.start()

    told = site.act("status", "--explain", "--json")

    assert "" == told.err
    assert any(f"pid {master}: executable" in sentence for sentence in told.json["evidence"])


def test_status_of_all(island, place):
    """``initpy status --explain`` says it of every service."""
    running = Instance(island, place, "nginx", "running")
    island("cp", running.source, running.config)
    running.wrapper = "/etc/init.d/running"
    running.generate()
    running.start_by_hand()
    island("sed", "s,/run/running.pid,/run/stopped.pid,; w /etc/init.d/stopped", running.wrapper)
    island("chmod", "755", "/etc/init.d/stopped")
    master = running("cat", running.pidfile).out.strip()

    told = island("initpy", "status", "--explain")

    assert f"pidfile {running.pidfile}: ok, it names pid {master}" in told.out + told.err
    assert "pidfile /run/stopped.pid: missing" in told.out + told.err
    assert "it is the master" in told.out + told.err
