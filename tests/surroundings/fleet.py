"""A fleet: machines with sshd in a network of their own, and Ansible to administer them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing

from network import Network, do
from real_daemons import HERE, Client

CONFIG = "/etc/nginx/nginx.conf"
DAEMON = "/usr/sbin/nginx"
GENUINE = "/run/genuine"
SCRIPT = "/etc/init.d/nginx"
WITHIN = 300  # seconds for a playbook, which takes 10 on an idle machine
NGINX = """
user root;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx.log notice;
events {{ worker_connections 512; }}
http {{
    access_log off;
    {http}
    server {{
        listen 80;
        location / {{ {location} }}
    }}
}}
"""
# A request that a host loses is lost: it is not sent to another one.
UPSTREAM = "upstream web { include /etc/nginx/web.servers; } proxy_next_upstream off;"
SSHD = """
HostKey /run/sshd/host_key
AuthorizedKeysFile /run/sshd/key.pub
PidFile /run/sshd/pid
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""
KEYGEN = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f")
SSH_OPTIONS = (
    "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
    "-o ControlMaster=auto -o ControlPersist=60s"
)
# What is installed is written to a layer of its own.
OWN_PROGRAMS = """
mkdir /run/sbin /run/sbin.work
mount -t overlay -o lowerdir=/usr/sbin,upperdir=/run/sbin,workdir=/run/sbin.work overlay /usr/sbin
cp /usr/sbin/nginx /run/genuine
"""


class Fleet(Network):
    """Machines called *hosts*, and one called balancer in front; ``close`` ends all of them."""

    def make(self, *hosts):
        """Make them, and Ansible's inventory."""
        do(self.control, *KEYGEN, "/run/key")
        self.balancer = self._administered("balancer")
        inventory = {"balancers": f"balancer ansible_host={self.address('balancer')}", "web": ""}
        self.hosts, servers = {}, ""
        for name in hosts:
            self.hosts[name] = self._administered(name)
            self._serve(self.hosts[name], f'return 200 "{name}";')
            address = self.address(name)
            servers += f"server {address};\n"
            inventory["web"] += f"{name} ansible_host={address} address={address}\n"
        self.balancer.write("/etc/nginx/web.servers", servers)
        self._serve(self.balancer, "proxy_pass http://web;", UPSTREAM)
        lines = (f"[{group}]\n{machines}\n" for group, machines in inventory.items())
        self.control.write("/run/inventory", "".join(lines))

    def _administered(self, name):
        """Make a machine with sshd, on which programs can be installed."""
        machine = self.join(name)
        do(machine, "mkdir", "/run/sshd")
        do(machine, *KEYGEN, "/run/sshd/host_key")
        with open(self.control.path("/run/key.pub")) as file:
            machine.write("/run/sshd/key.pub", file.read())
        machine.write("/run/sshd/config", SSHD)
        do(machine, "/usr/sbin/sshd", "-f", "/run/sshd/config")
        do(machine, "sh", "-ec", OWN_PROGRAMS)
        return machine

    def _serve(self, machine, location, http=""):
        machine.write(CONFIG, NGINX.format(location=location, http=http))
        do(machine, "initpy", "generate", "nginx", "-o", SCRIPT)
        do(machine, SCRIPT, "start")

    def play(self, playbook, **variables):
        """Play a playbook on it; return how that ended."""
        more = ("--extra-vars", json.dumps(variables))
        return self.control(
            *("ansible-playbook", "--inventory", "/run/inventory", playbook, *more),
            env={
                "HOME": "/run",
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
                "ANSIBLE_PRIVATE_KEY_FILE": "/run/key",
                "ANSIBLE_SSH_ARGS": SSH_OPTIONS,
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_REMOTE_TEMP": "/run/ansible",
            },
            timeout=WITHIN,
        )

    def status(self, name):
        """Return what a host says of its nginx to a machine."""
        return self.hosts[name](SCRIPT, "status", "--json").json

    def load(self):
        """Return clients that ask the balancer without a pause."""
        return self.end.enter_context(closing(Load(self.balancer)))


class Load(Client):
    """Asks a machine by its own loopback, from several clients without a pause."""

    def __init__(self, machine):
        # What they ask of is to have the processors first, and Ansible, too.
        entered = ["nice", "-n", "19", "nsenter", "--target", str(machine.init), "--net"]
        asks = [sys.executable, os.path.join(HERE, "asking.py"), "80"]
        self._child = subprocess.Popen(
            [*entered, *asks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._told = None
        assert "asking\n" == self._child.stdout.readline()
