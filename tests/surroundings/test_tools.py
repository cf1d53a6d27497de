"""What calls an init script: Ansible and Pacemaker, by the examples of ``etc/examples``."""

from __future__ import annotations

import os
import re

import pytest
from real_daemons import wait_until

pytestmark = pytest.mark.real

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(HERE)), "etc", "examples")
PLAYBOOK = os.path.join(EXAMPLES, "playbook.yml")
RESOURCE = os.path.join(EXAMPLES, "pacemaker.xml")

OPTIONS = (
    '<nvpair id="stonith" name="stonith-enabled" value="false"/>'
    '<nvpair id="quorum" name="no-quorum-policy" value="ignore"/>'
    '<nvpair id="alone" name="dc-deadtime" value="1s"/>'  # there is nobody to wait for
)
CIB = """<cib validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0">
<configuration><crm_config><cluster_property_set id="options">{options}</cluster_property_set>
</crm_config><nodes/><resources>{resources}</resources><constraints/></configuration><status/></cib>
"""
COROSYNC = """
totem {
    version: 2
    cluster_name: initpy
    transport: udpu
    token: 1000
}
nodelist {
    node {
        name: one
        nodeid: 1
        ring0_addr: 127.0.0.1
    }
}
quorum {
    provider: corosync_votequorum
}
logging {
    to_syslog: no
    to_stderr: yes
}
"""


def install(chamber, site):
    """Install a daemon under the name of its kind; return its script."""
    script = f"/etc/init.d/{site.kind}"
    facts = ("--daemon", site.daemon, "--config", site.config, "--pidfile", site.pidfile)
    made = chamber("initpy", "generate", site.kind, *facts, "-o", script)
    assert 0 == made.code, made
    return script


@pytest.fixture
def play(chamber, nginx):
    """Give what plays the example; it returns how many tasks were ok, changed and failed."""
    install(chamber, nginx)

    def played(state=None):
        told = chamber(
            "ansible-playbook",
            *("--connection", "local", "--inventory", "one,", PLAYBOOK),
            *(("--extra-vars", f"state={state}") if state else ()),
            env={
                "HOME": "/run",
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
                "ANSIBLE_PIPELINING": "1",
            },
        )
        recap = dict(re.findall(r"(ok|changed|failed)=(\d+)", told.out))
        assert {"ok", "changed", "failed"} == set(recap), told
        return {state: int(number) for state, number in recap.items()}

    return played


def test_ansible(play, nginx):
    """Started twice is changed, then ok; reloaded, restarted and stopped are what they say."""
    changed, ok = {"ok": 1, "changed": 1, "failed": 0}, {"ok": 1, "changed": 0, "failed": 0}

    assert [changed, ok] == [play(), play()]
    first = nginx.named
    nginx.configure("two")
    assert changed == play("reloaded")
    assert (first, "two") == (nginx.named, nginx.ask())
    assert changed == play("restarted")
    assert first != nginx.named
    assert [changed, ok] == [play("stopped"), play("stopped")]
    assert {} == nginx.place.processes()


def test_ansible_fails_with_it(play, nginx):
    """A reload that fails is a failed task, and the old configuration serves."""
    play()
    nginx.place.write(f"{nginx.folder}/daemon.conf", "oops;\n")

    assert {"ok": 0, "changed": 0, "failed": 1} == play("reloaded")
    assert "one" == nginx.ask()


def test_pacemakers_checks(chamber, site):
    """The seven checks that Pacemaker's documents ask of a script, by its own executor."""
    script = install(chamber, site)
    with open(RESOURCE) as file:
        resource = file.read().replace('type="nginx"', f'type="{site.kind}"')
    chamber.write("/run/cib.xml", CIB.format(options=OPTIONS, resources=resource))

    def force(action):
        command = ("crm_resource", "--resource", "web", f"--force-{action}")
        return chamber(*command, env={"CIB_file": "/run/cib.xml"}).code

    # What LSB calls 3 is 7 in Pacemaker's own codes; the last check is the script's alone.
    done = [
        (action, force(action)) for action in ["start", "check", "start", "stop", "check", "stop"]
    ]
    force("start")
    chamber("sh", "-c", f"kill -KILL {site.named}")

    assert [
        ("start", 0),
        ("check", 0),
        ("start", 0),
        ("stop", 0),
        ("check", 7),
        ("stop", 0),
    ] == done
    assert chamber(script, "status").code not in (0, 3)


def test_pacemaker_cluster(island, nginx):
    """A cluster of one starts it, sees that it has died, starts it again, and stops it."""
    script = install(island, nginx)
    directory = "/var/lib/pacemaker/cib"
    island("mkdir", "-p", "/etc/corosync", "/run/crm", directory, "/var/lib/corosync")
    island.write("/etc/corosync/corosync.conf", COROSYNC)
    island.write(f"{directory}/cib.xml", CIB.format(options=OPTIONS, resources=""), 0o600)
    island("chown", "-R", "hacluster:haclient", "/var/lib/pacemaker", "/run/crm")
    assert 0 == island("sh", "-c", "corosync >/run/corosync.log 2>&1").code
    wait_until(lambda: 0 == island("corosync-quorumtool", "-s").code, "corosync to have a quorum")
    assert 0 == island("sh", "-c", "pacemakerd -f >/run/pacemaker.log 2>&1 &").code
    wait_until(lambda: "online" in island("crm_mon", "--one-shot").out.lower(), "the node online")
    with open(RESOURCE) as file:
        island.write("/run/web.xml", file.read().replace('interval="10s"', 'interval="1s"'))

    made = island("cibadmin", "--create", "--scope", "resources", "--xml-file", "/run/web.xml")

    assert 0 == made.code, made
    status = lambda: island(script, "status").code  # noqa: E731
    wait_until(lambda: 0 == status(), "Pacemaker to start it")
    first = nginx.named
    island("sh", "-c", f"kill -KILL {first}")
    wait_until(lambda: 0 == status() and first != nginx.named, "Pacemaker to start it again")
    stop = ("--resource", "web", "--meta", "--set-parameter", "target-role")
    island("crm_resource", *stop, "--parameter-value", "Stopped")
    wait_until(lambda: 3 == status(), "Pacemaker to stop it")
    # Nothing has failed but the look that saw it dead.
    failures = island("crm_mon", "--one-shot").out.partition("Failed Resource Actions:")[2]
    assert ["web 1000ms-interval monitor on one returned 'not running'"] == [
        line.strip("* ").partition(" at ")[0] for line in failures.strip().splitlines()
    ]
