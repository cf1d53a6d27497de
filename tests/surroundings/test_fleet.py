"""A rolling upgrade of three hosts behind a balancer, by the example for Ansible."""

from __future__ import annotations

import os
from contextlib import closing

import pytest
from fleet import DAEMON, GENUINE, SCRIPT, Fleet

pytestmark = pytest.mark.real

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "etc/examples/rolling-upgrade")
HOSTS = ("one", "two", "three")

# Its two workers send their requests to each host in turn: one of them has three requests.
ASK = """#!/usr/bin/python3
from urllib.request import urlopen
print(*(urlopen("http://10.0.0.2/").read().decode() for _ in range(6)))
"""
# The host that is upgraded is not to be among those that answer.
INSTALL = f"""
- ansible.builtin.shell: |
    /run/ask >/run/answers
    {{{{ before_it | default('true') }}}}
    cp {{{{ binary }}}} {DAEMON}.new && mv {DAEMON}.new {DAEMON}
"""
# It passes the test of the configuration, and ends as soon as it takes over.
BROKEN = f'#!/bin/sh\ncase "$1" in -t|-V) exec {GENUINE} "$@";; esac\nexit 1\n'


@pytest.fixture
def fleet():
    """Give three hosts behind a balancer, all of them serving."""
    with closing(Fleet(*HOSTS)) as mine:
        mine.control.write("/run/install.yml", INSTALL)
        for host in mine.hosts.values():
            host.write("/run/ask", ASK, 0o755)
            host.write("/run/broken", BROKEN, 0o755)
        mine.balancer.write("/run/ask", ASK, 0o755)
        yield mine


def upgrade(fleet, binary=GENUINE, **more):
    """Play the example, with *binary* for the new one; return how that ended."""
    playbook = os.path.join(EXAMPLE, "upgrade.yml")
    return fleet.play(playbook, install="/run/install.yml", binary=binary, **more)


def seen(fleet):
    """Return what each host says of itself, but for its age."""
    return {name: {**fleet.status(name), "message": "", "uptime": 0} for name in HOSTS}


def answering(fleet):
    """Return the hosts to which the balancer sends requests."""
    return set(fleet.balancer("/run/ask").out.split())


def test_rolling_upgrade(fleet):
    """Each host in turn has a new master, while the others answer; no request is lost."""
    before, clients = seen(fleet), fleet.load()

    done = upgrade(fleet)

    assert 0 == done.code, done
    assert [] == clients.bad
    assert set(HOSTS) == set(clients.answered)
    after = seen(fleet)
    for name, host in fleet.hosts.items():
        assert before[name]["master"] != after[name]["master"]
        assert not after[name]["binary_replaced"]
        with open(host.path("/run/answers")) as file:
            answered = set(file.read().split())
        # The clients take turns of the balancer, too: not every other host need be among them.
        assert answered
        assert answered <= set(HOSTS) - {name}
    assert set(HOSTS) == answering(fleet)


def test_broken_binary(fleet):
    """It ends at the first host, which serves as before and is back; the others are untouched."""
    before, clients = seen(fleet), fleet.load()

    done = upgrade(fleet, "/run/broken")

    assert 0 != done.code
    assert "(exit 150)" in done.out, done
    assert [] == clients.bad
    after = seen(fleet)
    told = {"binary_replaced": True, "notes": after["one"]["notes"]}
    assert {**before["one"], **told} == after["one"]
    assert [before["two"], before["three"]] == [after["two"], after["three"]]
    assert set(HOSTS) == answering(fleet)


def test_host_that_does_not_serve(fleet):
    """A host whose nginx has ended stays out of the balancer, and the others are untouched."""
    before, clients = seen(fleet), fleet.load()

    done = upgrade(fleet, before_it=f"{SCRIPT} stop")

    assert 0 != done.code
    assert "(exit 7)" in done.out, done
    assert [] == clients.bad
    after = seen(fleet)
    assert "stopped" == after["one"]["state"]
    assert [before["two"], before["three"]] == [after["two"], after["three"]]
    assert {"two", "three"} == answering(fleet)
