"""Daemons that tell themselves when they serve: sd_notify(3), without systemd."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from real_daemons import NOBODY, Site

from initpy import Service
from initpy.host.network.notices import DIRECTORY
from initpy.protocols import hup
from initpy.schedule import parse_schedule

pytestmark = pytest.mark.real


class Telling(Site):
    """A private daemon that stays in the foreground and notifies."""

    arguments, crew = (), 0

    def __init__(self, place):
        super().__init__(place, wrapped=False)
        self.service = Service(
            name=self.name,
            daemon=self.daemon,
            pidfile=self.pidfile,
            config=self.config,
            start_args=self.arguments,
            ready="notify",
            logs=(self.log,),
            stop=parse_schedule("TERM/10/KILL/5"),
            timeout=10.0,
        )

    def configure(self):
        """Write its configuration."""
        self.place.write(f"{self.folder}/daemon.conf", self.text())


class Redis(Telling):
    """redis-server."""

    kind, binary = "redis", "/usr/bin/redis-server"
    arguments = ("{config}", "--supervised", "systemd")

    def text(self):
        """Return its configuration."""
        return f"bind 127.0.0.1\nport {self.port}\nsave ''\nlogfile {self.log}\n"


class Haproxy(Telling):
    """haproxy, whose master tells when its worker serves."""

    kind, binary, crew = "haproxy", "/usr/sbin/haproxy", 1
    arguments = ("-Ws", "-f", "{config}")

    def text(self):
        """Return its configuration."""
        return (
            "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
            f"frontend one\n bind 127.0.0.1:{self.port}\n http-request return status 200\n"
        )


class Sshd(Telling):
    """sshd of Debian, which is patched to notify."""

    kind, binary = "sshd", "/usr/sbin/sshd"
    arguments = ("-D", "-f", "{config}")

    def text(self):
        """Return its configuration."""
        return f"ListenAddress 127.0.0.1\nPort {self.port}\nPidFile none\n"


DAEMONS = [Redis, Haproxy, Sshd]


@pytest.fixture(params=DAEMONS, ids=[kind.kind for kind in DAEMONS])
def telling(request, place):
    """Give one of the daemons, stopped."""
    return request.param(place)


def test_start(telling):
    """It is started when it says so, and then it answers; nothing is left of the socket."""
    result = telling.act("start")

    assert 0 == result.code, result
    socket.create_connection(("127.0.0.1", telling.port)).close()
    assert telling.master.pid == telling.named
    streams = [os.readlink(f"/proc/{telling.named}/fd/{number}") for number in range(3)]
    assert ["/dev/null"] * 3 == streams
    environment = telling.host.surroundings(telling.master).environment
    assert environment["NOTIFY_SOCKET"].startswith(f"{DIRECTORY}/")
    assert not os.path.exists(environment["NOTIFY_SOCKET"])
    assert [0, 3] == [telling.act(action).code for action in ("stop", "status")]


def test_reload(telling):
    """A daemon that tells of its reload is heard; of another one the kernel tells."""
    sig = {"redis": "CONT", "haproxy": "USR2", "sshd": "HUP"}[telling.kind]
    telling.start()
    master = telling.master

    hup.reload(telling.service.replace(reload=sig), master, telling.host)

    assert telling.alive(master)
    socket.create_connection(("127.0.0.1", telling.port)).close()
    environment = telling.host.surroundings(master).environment
    assert not os.path.exists(environment["NOTIFY_SOCKET"])


@pytest.fixture
def mute(place):
    """Give a daemon that says how far it is, and never that it is ready."""
    script = place.write("mute.py", SCRIPT)
    return Service(
        name=f"{place.name}-mute",
        daemon=place.copy(os.path.realpath(sys.executable), "python"),
        pidfile=place.path("mute.pid"),
        start_args=("-IS", script, place.path("told")),
        ready="notify",
        timeout=3.0,  # in which it says something
    )


SCRIPT = """
import os, socket, sys, time
one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
with open(sys.argv[1], "w") as file:
    file.write(os.environ["NOTIFY_SOCKET"])
one.sendto(b"STATUS=loading 7 of 9", os.environ["NOTIFY_SOCKET"])
time.sleep(60)
"""


def test_notice_of_a_stranger(place, mute):
    """What another process sends there is not heard, whoever runs it, and however briefly."""
    site = Site.__new__(Site)
    site.service = mute
    told = place.path("told")
    spoof = (
        "import os, socket, sys, time\n"
        f"while not os.path.exists({told!r}) or not open({told!r}).read(): time.sleep(0.01)\n"
        "one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        f"one.sendto(b'READY=1', open({told!r}).read())\n"
    )
    senders = [subprocess.Popen([sys.executable, "-c", spoof], user=user) for user in (0, NOBODY)]

    result = site.act("start")

    assert [0, 0] == [sender.wait(timeout=20) for sender in senders]
    assert 1 == result.code, result
    assert {} == place.processes()


def test_status_at_the_timeout(place, mute):
    """What it has said of its state is told; it is ended, and nothing is left of the socket."""
    site = Site.__new__(Site)
    site.service = mute

    result = site.act("start")

    assert 1 == result.code, result
    assert "READY=1" in result.err
    assert "it says: loading 7 of 9" in result.err
    assert {} == place.processes()
    with open(place.path("told")) as file:
        assert not os.path.exists(file.read())
