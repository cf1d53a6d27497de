"""Machines in a network of their own: nothing of it can be reached from outside.

Each machine is a ``Chamber``. The one called control has the bridge that joins the others.
"""

from __future__ import annotations

from contextlib import ExitStack, closing

from chamber import Chamber
from real_daemons import Place
from real_load import run


def do(machine, *argv):
    """Run a program on a machine, and see it succeed; return what it said."""
    done = machine(*argv)
    assert 0 == done.code, done
    return done.out


class Network:
    """Machines that are joined by name; ``close`` ends all of them."""

    def __init__(self, *names):
        """Have ``make`` make machines of those names."""
        self.end = ExitStack()
        self._names = ["control"]
        try:
            self.control = self._machine("control")
            do(self.control, "sh", "-ec", "ip link add web type bridge; ip link set web up")
            do(self.control, "ip", "address", "add", f"{self.address('control')}/24", "dev", "web")
            self.make(*names)
        except BaseException:
            self.close()
            raise

    def close(self):
        """End everything."""
        self.end.close()

    def address(self, name):
        """Return the address of a machine."""
        return f"10.0.0.{self._names.index(name) + 1}"

    def join(self, name):
        """Make a machine with an address in the network; return it."""
        machine = self._machine(name)
        self._names.append(name)
        pair = ("type", "veth", "peer", "name", "eth0", "netns", str(machine.init))
        entered = ("nsenter", "--target", str(self.control.init), "--net")
        # By the numbers that processes have outside.
        for words in (["add", name, *pair], ["set", name, "up", "master", "web"]):
            made = run([*entered, "ip", "link", *words])
            assert 0 == made.code, made
        do(machine, "ip", "address", "add", f"{self.address(name)}/24", "dev", "eth0")
        do(machine, "ip", "link", "set", "eth0", "up")
        return machine

    def _machine(self, name):
        place = Place()
        self.end.callback(place.close)
        machine = self.end.enter_context(closing(Chamber(place, island=True)))
        do(machine, "hostname", name)
        return machine
