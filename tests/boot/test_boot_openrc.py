"""A Debian with OpenRC is booted: what it knows of our services is what is so."""

from __future__ import annotations

import os
import re
import signal
from contextlib import closing

import pytest
from booting import UP, Disk, Request, booted
from other_roots import SLOW, openrc_root, services, with_services

pytestmark = pytest.mark.boot

# What is process 1, and how it is told to halt.
INITS = {
    "sysvinit": ("/sbin/init", ("init", "0")),
    "openrc-init": ("/sbin/openrc-init", ("openrc-shutdown", "--poweroff", "now")),
}
WAYS = (["/etc/init.d/nginx"], ["rc-service", "nginx"], ["service", "nginx"])


@pytest.fixture(scope="module")
def both():
    """Give the names of the two services, php-fpm's first."""
    return services(openrc_root())


@pytest.fixture(scope="module")
def installed(folder, packages, both):
    """Give a disk with the scripts of both services installed."""
    disk = with_services(Disk(folder / "openrc", openrc_root().path), both[0], packages)
    # sysvinit's terminals want what the machine has not.
    lines = (openrc_root().path / "etc/inittab").read_text().splitlines(keepends=True)
    disk.write("/etc/inittab", "".join(line for line in lines if "getty" not in line))
    disk.write("/etc/rc.local", f"#!/bin/sh\necho {UP}\n", 0o755)
    return disk


@pytest.fixture(scope="module", params=INITS)
def machine(request, folder, installed):
    """Give a machine that is up, and is left so: for tests that each begin with that."""
    disk = Disk(folder / request.param, *installed.layers)
    with booted(disk, INITS[request.param][0]) as up:
        yield up


def known(machine, *names):
    """Return what rc-status says of those services."""
    said = machine.run("rc-status", "default").out
    states = dict(re.findall(r"^ (\S+) +\[ +(\S+) +\]$", said, re.MULTILINE))
    return [states[name] for name in names]


def truth(machine, name="nginx"):
    """Return what rc-status says, and what the service says of itself."""
    return (*known(machine, name), machine.status(name)["state"])


def test_started_at_boot(machine, both):
    """OpenRC starts both, php-fpm before nginx, and knows it."""
    assert [*both] == machine.done("Starting")
    assert ["started", "started"] == known(machine, *both)
    assert ["running", "running"] == [machine.status(name)["state"] for name in both]
    assert {"php 14": 1} == Request(machine, "/index.php").answered


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_by_hand(machine, way):
    """Whatever calls the script, OpenRC knows what came of it."""
    for action in ("reload", "restart", "stop", "stop", "start", "start", "upgrade"):
        assert 0 == machine.run(*way, action).code
        stopped = ("stopped", "stopped") if action == "stop" else ("started", "running")
        assert stopped == truth(machine), action


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_failed_start(machine, way):
    """What did not start is not started, although ``service`` has said so to OpenRC."""
    machine.run(*way, "stop")
    machine.run("sh", "-c", "echo oops >>/etc/nginx/nginx.conf")
    failed = machine.run(*way, "start")
    seen = truth(machine)
    machine.run("sed", "-i", "$d", "/etc/nginx/nginx.conf")
    mended = machine.run(*way, "start")

    assert (6, ("stopped", "stopped")) == (failed.code, seen)
    assert (0, ("started", "running")) == (mended.code, truth(machine))


@pytest.mark.parametrize("init", INITS)
def test_halt(folder, tmp_path, installed, init, both):
    """What was started or recovered by hand is stopped at halt, in order and without a cut."""
    process_1, halt = INITS[init]
    with booted(Disk(folder / tmp_path.name, *installed.layers), process_1) as machine:
        for action in ("stop", "start"):
            assert 0 == machine.run("/etc/init.d/nginx", action).code
        crashed = machine.status(both[0])["master"]
        machine.run("sh", "-c", f"kill -KILL {crashed}")
        assert 0 == machine.run(f"/etc/init.d/{both[0]}", "start").code
        assert ["started", "started"] == known(machine, *both)
        before = len(machine.console)
        with closing(Request(machine, SLOW)) as request:
            machine.wait_until(lambda: os.path.exists(machine.path("/tmp/asked")), "the request")

            machine.run(*halt)
            machine.wait_until(lambda: Request(machine, "/").bad, "nginx to take no more requests")
            machine.run("touch", "/tmp/free")

            assert {"php 14": 1} == request.answered, request.bad
            assert signal.SIGINT == machine.see_down()
        told = machine.console[before:]
        assert ["nginx", both[0]] == machine.done("Stopping")
        assert told.index("Deconfiguring network") > told.rindex("Stopping")


def test_halt_of_a_stopped_one(folder, tmp_path, installed, both):
    """What was stopped by hand is not stopped again at halt."""
    process_1, halt = INITS["sysvinit"]
    with booted(Disk(folder / tmp_path.name, *installed.layers), process_1) as machine:
        assert 0 == machine.run("/etc/init.d/nginx", "stop").code
        machine.run(*halt)
        machine.see_down()

        assert [both[0]] == machine.done("Stopping")
