"""A daemon that may be anybody's gives its socket a name that says more than a place."""

from __future__ import annotations

import os
import pwd
import sys

import pytest
from real_daemons import Site

from initpy import Service
from initpy.schedule import parse_schedule
from initpy.state.record import read_record

pytestmark = pytest.mark.fault

SCRIPT = """
import os, signal, socket, sys
place, port = sys.argv[1:]
if os.path.lexists(place):
    os.unlink(place)
held = socket.socket(socket.AF_UNIX), socket.socket()
held[0].bind(place)
held[0].listen()
held[1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
held[1].bind(("127.0.0.1", int(port)))
held[1].listen()
while True:
    signal.pause()
"""


class Hostile(Site):
    """A daemon of nobody's, which listens at a path of its choice, too."""

    kind, binary, crew = "hostile", os.path.realpath(sys.executable), 0

    def __init__(self, place, path):
        super().__init__(place, wrapped=False)
        script = place.write(f"{self.folder}.py", SCRIPT)
        self.service = Service(
            name=self.name,
            daemon=self.daemon,
            pidfile=self.pidfile,
            start_args=("-IS", script, path, str(self.port)),
            background=True,
            user="nobody",
            directory=self.path(),
            listens=(f"127.0.0.1:{self.port}",),
            stop=parse_schedule("TERM/10/KILL/5"),
        )

    def configure(self):
        """Give it its folder."""
        os.makedirs(self.path(), exist_ok=True)
        os.chown(self.path(), pwd.getpwnam("nobody").pw_uid, -1)

    def recorded(self):
        """Return what is recorded of it."""
        return read_record(self.service, self.host)


@pytest.mark.parametrize("kind", ["draining", "members", "master"])
def test_name_that_reads_as_a_line_of_the_record(place, stranger, kind):
    """A socket's name reads as a line of the record: no other process becomes the service's own."""
    one = place.host.find(stranger.pid)
    told = f"{one.pid}@{one.started}"
    path = place.path("hostile", f"x\n{kind} {f'{told} {told}' if kind == 'draining' else told}")
    daemon = Hostile(place, path)
    daemon.start()

    record = daemon.recorded()
    assert path in [socket.place for socket in record.sockets]
    assert one not in {record.master, *record.members, *record.remains.draining}
    daemon.kill(record.master)
    daemon.see_gone(record.master)
    assert 0 == daemon.act("start").code
    assert 0 == daemon.act("stop").code

    assert stranger.poll() is None
    assert {} == place.processes()


@pytest.mark.parametrize("name", ["\udcff", "\r", "\x85", "\u2028", " ", "\x1b[2J"])
def test_name_of_any_characters(place, name):
    """A socket's name holds what is no text: every action does what it says."""
    path = place.path("hostile", f"x{name}x")
    daemon = Hostile(place, path)
    daemon.start()

    assert path in [socket.place for socket in daemon.recorded().sockets]
    assert [0, 0, 0] == [daemon.act(action).code for action in ("status", "restart", "stop")]
    assert {} == place.processes()
