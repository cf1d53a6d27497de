"""A daemon that may be anybody's keeps root from reading its own pidfile: fcntl(2), F_SETLEASE."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from real_daemons import NOBODY, Site, wait_until

from initpy import Service
from initpy.schedule import parse_schedule

pytestmark = pytest.mark.fault

SCRIPT = """
import fcntl, os, signal, sys
pidfile, leased = sys.argv[1:]

def lease(*_):
    fd = os.open(pidfile, os.O_RDWR)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    os.close(os.open(leased, os.O_CREAT))

signal.signal(signal.SIGIO, signal.SIG_IGN)
signal.signal(signal.SIGUSR1, lease)
if os.fork():
    os._exit(0)
with open(pidfile, "w") as file:
    file.write(f"{os.getpid()}\\n")
while True:
    signal.pause()
"""


class Leasing(Site):
    """A daemon of nobody's, which writes its pidfile itself."""

    kind, binary, crew = "leasing", os.path.realpath(sys.executable), 0

    def __init__(self, place):
        super().__init__(place, wrapped=False)
        script = place.write(f"{self.folder}.py", SCRIPT)
        self.leased = self.path("leased")
        self.service = Service(
            name=self.name,
            daemon=self.daemon,
            pidfile=self.path("own.pid"),
            start_args=("-IS", script, "{pidfile}", self.leased),
            user="nobody",
            stop=parse_schedule("TERM/10/KILL/5"),
        )

    def configure(self):
        """Give it its folder."""
        os.makedirs(self.path(), exist_ok=True)
        os.chown(self.path(), NOBODY, NOBODY)


@pytest.mark.parametrize("action", ["stop", "restart"])
def test_pidfile_with_a_lease(place, action):
    """A daemon has a lease on its own pidfile: the master is found by the record."""
    daemon = Leasing(place)
    master = daemon.start()
    os.kill(master.pid, signal.SIGUSR1)
    wait_until(lambda: os.path.exists(daemon.leased), "the lease")

    status, result = daemon.act("status"), daemon.act(action)

    assert (0, 0) == (status.code, result.code), (status, result)
    daemon.see_gone(master)
    assert 0 == daemon.act("stop").code
    assert {} == place.processes()
