"""The packages, built, installed and booted on each suite of Debian, with its daemons."""

from __future__ import annotations

import shutil
from contextlib import closing, contextmanager

from booting import Load
from pythons import TOOLS, packages_for, passed, unit_tests
from real_load import ROUNDS

# The exit code of each action after another one: when the service runs, when it does not.
CODES = {
    "start": {
        "start": 0,
        "status": 0,
        "configtest": 0,
        "reopen": 0,
        "reload": 0,
        "force-reload": 0,
        "upgrade": 0,
        "restart": 0,
        "try-restart": 0,
        "stop": 0,
    },
    "stop": {
        "status": 3,
        "stop": 0,
        "configtest": 0,
        "reopen": 7,
        "reload": 7,
        "force-reload": 7,
        "upgrade": 7,
        "try-restart": 0,
        "force-quit": 0,
        "restart": 0,
        "start": 0,
    },
}
NEW_BINARY = "cd /usr/sbin && cp nginx nginx.new && mv nginx.new nginx"
VERSIONS = ("dpkg-query", "--show", "--showformat", "${source:Upstream-Version} ")


def test_boot(machine, fpm, record_property):
    """Init starts both, and the packages are whole."""
    states = [machine.status(name)["state"] for name in (fpm, "nginx")]
    audit = machine.run("dpkg", "--audit")
    versions = machine.run(*VERSIONS, "nginx", fpm, "python3")

    assert ["running"] * 2 == states
    assert (0, "") == (audit.code, audit.out)
    for name, version in zip(("nginx", "PHP", "Python"), versions.out.split()):
        record_property(name, version)


def test_actions(machine, fpm, record_property):
    """Each action of both services has its exit code, whether they run or not."""
    cases = [
        (name, before, action)
        for before, codes in CODES.items()
        for action in codes
        for name in (fpm, "nginx")
    ]
    seen = {}

    for name, before, action in cases:
        do(machine, name, before)
        seen[name, before, action] = machine.service(name, action).code

    assert {case: CODES[case[1]][case[2]] for case in cases} == seen
    record_property("actions", len(seen))


def test_main_job(machine, fpm, record_property):
    """Clients that ask both without a pause lose nothing, whatever is replaced or dies."""
    with closing(Load(machine)) as clients:
        for _ in range(ROUNDS):
            with another_master(machine, "nginx"):
                assert 0 == machine.run("sh", "-c", NEW_BINARY).code
                do(machine, "nginx", "upgrade")
            do(machine, "nginx", "reload")
            with another_master(machine, "nginx"):
                do(machine, "nginx", "restart")
            for action in ("upgrade", "reload", "restart"):
                with another_master(machine, fpm):
                    do(machine, fpm, action)
            for name in ("nginx", fpm):
                with another_master(machine, name) as old:
                    assert 0 == machine.run("kill", "-KILL", str(old)).code
                    assert 1 == machine.service(name, "status").code
                    do(machine, name, "start")
        bad = clients.bad

    assert [] == bad
    record_property("requests", sum(clients.answered.values()))
    record_property("lost", len(bad))


@contextmanager
def another_master(machine, name):
    """Yield the master that runs, and see another one running in the end."""
    before = machine.status(name)
    yield before["master"]
    after = machine.status(name)
    assert "running" == after["state"], after
    assert before["master"] != after["master"]


def do(machine, name, action):
    """Run an action and see it succeed."""
    result = machine.service(name, action)
    assert 0 == result.code, result


def test_removed_not_purged(debian, debs, fpm):
    """A script whose library was removed with its package does nothing, quietly."""
    debian.install(debs)
    debian.dpkg("--remove", "--force-depends", "python3-initpy")

    for name in ("nginx", fpm):
        said = [debian.service(name, action) for action in ("start", "stop", "status")]
        assert [(0, ""), (0, ""), (3, "")] == said


def test_virtual_time(debian, tree, record_property):
    """The tests in virtual time pass with that suite's Python and libraries."""
    shutil.copytree(packages_for(debian.python(), *TOOLS), debian.mnt / "tools")
    shutil.copytree(tree, debian.mnt / "initpy")
    debian.sh("echo 127.0.0.1 localhost >>/etc/hosts")
    # The shell stays: it is process 1, and reaps what tests leave behind.
    script = 'ip link set lo up; cd /mnt/initpy; "$@"; exit "$?"'

    said = debian.run("sh", "-c", script, "sh", *unit_tests("python3", "/mnt/tools")).stdout

    record_property("unit tests", passed(said))
