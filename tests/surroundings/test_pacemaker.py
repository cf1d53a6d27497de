"""What calls an init script: Pacemaker, by the example of ``etc/examples``."""

from __future__ import annotations

import os
from contextlib import closing

import pytest
from chamber import install
from network import Network, do
from real_daemons import PATIENCE, wait_until

pytestmark = pytest.mark.real

HERE = os.path.dirname(os.path.abspath(__file__))
RESOURCE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "etc", "examples", "pacemaker.xml")

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
totem {{
    version: 2
    cluster_name: initpy
    transport: udpu
    token: 1000
}}
nodelist {{
{nodes}
}}
quorum {{
    provider: corosync_votequorum
    two_node: {pair}
}}
logging {{
    to_syslog: no
    to_stderr: yes
}}
"""
QUORUM = ("corosync-quorumtool", "-s")
NODE = "node {{\n name: {name}\n nodeid: {number}\n ring0_addr: {address}\n}}"
SCRIPT, GENERATED = "/etc/init.d/nginx", "/run/generated"
# What Pacemaker calls.
COUNTED = f"""#!/bin/sh
echo "$1" >>/run/asked
exec {GENERATED} "$@"
"""
ASK = "from urllib.request import urlopen as u; print(u('http://{}/').read().decode())"
LOSE = ("rm", "/run/nginx.pid")
CONFIG = """
user root;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx.log;
events { worker_connections 64; }
http { access_log off; server { listen 80; return 200 "served"; } }
"""


def see(probe, what):
    """Return what *probe* returns once it is true: what Pacemaker does takes seconds anywhere."""
    return wait_until(probe, what, within=3 * PATIENCE)


def form(addresses, machines):
    """Form a cluster of machines, whose addresses are given by their names."""
    nodes = "\n".join(
        NODE.format(name=name, number=number, address=address)
        for number, (name, address) in enumerate(addresses.items(), 1)
    )
    directory = "/var/lib/pacemaker/cib"
    for machine in machines:
        do(machine, "mkdir", "-p", "/etc/corosync", "/run/crm", directory, "/var/lib/corosync")
        text = COROSYNC.format(nodes=nodes, pair=int(len(addresses) == 2))
        machine.write("/etc/corosync/corosync.conf", text)
        cib = CIB.format(options=OPTIONS, resources="")
        machine.write(f"{directory}/cib.xml", cib, 0o600)
        do(machine, "chown", "-R", "hacluster:haclient", "/var/lib/pacemaker", "/run/crm")
        do(machine, "sh", "-c", "corosync >/run/corosync.log 2>&1")
    for machine in machines:
        see(lambda to=machine: 0 == to(*QUORUM).code, "corosync to have a quorum")
        do(machine, "sh", "-c", "pacemakerd -f >/run/pacemaker.log 2>&1 &")
    names = " ".join(addresses)
    see(
        lambda: f"Online: [ {names} ]" in machines[0]("crm_mon", "--one-shot").out,
        "the nodes to be online",
    )


def manage(machine):
    """Give Pacemaker the resource of the example, at which it looks every second."""
    with open(RESOURCE) as file:
        machine.write("/run/web.xml", file.read().replace('interval="10s"', 'interval="1s"'))
    do(machine, "cibadmin", "--create", "--scope", "resources", "--xml-file", "/run/web.xml")


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
    # The kernel ends it soon after kill(2).
    see(lambda: chamber(script, "status").code not in (0, 3), "its death to be told")


def test_pacemaker_cluster(island, nginx):
    """A cluster of one starts it, sees that it has died, starts it again, and stops it."""
    script = install(island, nginx)
    form({"one": "127.0.0.1"}, [island])

    manage(island)

    status = lambda: island(script, "status").code  # noqa: E731
    see(lambda: 0 == status(), "Pacemaker to start it")
    first = nginx.named
    island("sh", "-c", f"kill -KILL {first}")
    see(lambda: 0 == status() and first != nginx.named, "Pacemaker to start it again")
    stop = ("--resource", "web", "--meta", "--set-parameter", "target-role")
    island("crm_resource", *stop, "--parameter-value", "Stopped")
    see(lambda: 3 == status(), "Pacemaker to stop it")
    # Nothing has failed but the look that saw it dead.
    failures = island("crm_mon", "--one-shot").out.partition("Failed Resource Actions:")[2]
    assert ["web 1000ms-interval monitor on one returned 'not running'"] == [
        line.strip("* ").partition(" at ")[0] for line in failures.strip().splitlines()
    ]


class Pair(Network):
    """A cluster of two machines; Pacemaker has started nginx on one of them."""

    def make(self, *names):
        """Make them, and have nginx started by Pacemaker."""
        self.nodes = {name: self.join(name) for name in names}
        for node in self.nodes.values():
            node.write("/etc/nginx/nginx.conf", CONFIG)
            do(node, "initpy", "generate", "nginx", "-o", GENERATED)
            node.write(SCRIPT, COUNTED, 0o755)
        first = next(iter(self.nodes.values()))
        form({name: self.address(name) for name in names}, list(self.nodes.values()))
        # At its first failure the resource goes to the other node.
        once = ("--name", "migration-threshold", "--update", "1")
        do(first, "crm_attribute", "--type", "rsc_defaults", *once)
        manage(first)
        see(self.serving, "Pacemaker to start it")

    def serving(self):
        """Return the names of the nodes on which nginx runs."""
        return [name for name, node in self.nodes.items() if 0 == node(GENERATED, "status").code]

    def asked(self):
        """Return what Pacemaker has asked of the script of each node."""
        asked = {}
        for name, node in self.nodes.items():
            with open(node.path("/run/asked")) as file:
                asked[name] = file.read().split()
        return asked

    def await_looks(self):
        """Wait until Pacemaker has looked at what serves twice more, the second time wholly."""
        (name,) = self.serving()
        before = len(self.asked()[name])
        see(lambda: len(self.asked()[name]) >= before + 2, "Pacemaker to look")


@pytest.fixture
def pair():
    """Give a cluster of two."""
    with closing(Pair("one", "two")) as mine:
        yield mine


def test_pair_stays(pair):
    """Nothing moves while it serves: reloaded, upgraded, restarted, or with its pidfile lost."""
    (name,) = pair.serving()
    node, before = pair.nodes[name], pair.asked()

    for command in ([GENERATED, "reload"], [GENERATED, "upgrade"], [GENERATED, "restart"], LOSE):
        do(node, *command)
        pair.await_looks()

    assert [name] == pair.serving()
    since = {one: asked[len(before[one]) :] for one, asked in pair.asked().items()}
    assert {"status"} == {action for asked in since.values() for action in asked}


def test_pair_fails_over(pair):
    """When its master is killed, it is stopped on that node, and started on the other one."""
    (name,) = pair.serving()
    (other,) = set(pair.nodes) - {name}
    node = pair.nodes[name]

    do(node, "sh", "-c", "kill -KILL $(cat /run/nginx.pid)")

    see(lambda: [other] == pair.serving(), "it to serve on the other node")
    assert 3 == node(GENERATED, "status").code
    asked = do(node, "/usr/bin/python3", "-c", ASK.format(pair.address(other)))
    assert "served" == asked.strip()
    assert "start" not in pair.asked()[name][pair.asked()[name].index("stop") :]
