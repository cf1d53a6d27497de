"""What the exit code of a reload says is true, whatever others do meanwhile.

Hypothesis makes up who else edits the configuration, sends HUP, kills workers, takes the
port, or has a client write into the log, and at which look of the script. Then the claim
of the code is held against the world. INITPY_MODEL_EXAMPLES says how many sequences.
"""

from __future__ import annotations

import os
import signal

from daemons import FakeNginx
from fakes import FakeHost
from hypothesis import given, settings
from hypothesis import strategies as st

from initpy.daemons.nginx import NGINX
from initpy.errors import InitError, Reverted
from initpy.protocols.hup import reload

EXAMPLES = int(os.environ.get("INITPY_MODEL_EXAMPLES", "500"))
SERVICE = NGINX.replace(timeout=6.0)
LATEST = 80  # a look of the script; a smooth reload takes about half as many


class World(FakeNginx):
    """A running nginx, and what may befall it."""

    able = True  # whether a new worker can live

    def __init__(self):
        super().__init__(FakeHost(), SERVICE)
        self.master = self.run()
        # When the script sends its signal: the configuration on disk, and those that serve.
        self.sent, self.served = None, set()
        kill = self.host.kill

        def send(process, sig):
            self.sent, self.served = self.generation, {one.loaded for one in self.takers()}
            return kill(process, sig)

        self.host.kill = send

    def new_workers(self, master, **facts):
        """Start workers; where they cannot live they end at once, and are not replaced."""
        super().new_workers(master, **facts)
        if not self.able:
            for worker in self.workers(master):
                if worker.title != self.worker and not worker.dismissed:
                    worker.dismissed = True
                    self.host.at(0.001, lambda worker=worker: self.host.end(worker))

    def takers(self):
        """Return the workers that take requests."""
        return [one for one in self.workers(self.master) if not one.retired]

    def settle(self):
        """Let all end that is under way, and answer who serves then."""
        self.host.sleep(0.02)
        return self.takers()

    # What may befall it.

    def edit(self):
        """Change the configuration."""
        self.generation += 1

    def foreign_hup(self):
        """Have somebody else send HUP."""
        self.host.deliver(self.master, signal.SIGHUP)

    def lose_a_worker(self):
        """Kill a worker."""
        for worker in self.takers()[:1]:
            self.host.end(worker)

    def lose_all_workers(self):
        """Kill every worker."""
        for worker in self.takers():
            self.host.end(worker)

    def lose_the_port(self):
        """Have somebody take a port that the configuration names by now."""
        self.reloads = False

    def get_the_port(self):
        """Have the port be free again."""
        self.reloads = True

    def be_unable(self):
        """Have new workers end at once."""
        self.able = False

    def be_able(self):
        """Have new workers live again."""
        self.able = True

    def hear_a_client(self):
        """Have a client write an emergency into the log."""
        self.log(self.master, f"[emerg] {self.master.pid}#0: still could not bind()")

    def pass_time(self):
        """Let a second pass."""
        self.host.sleep(1)


EVENTS = sorted(
    name
    for name, value in vars(World).items()
    if callable(value) and name not in ("__init__", "new_workers", "takers", "settle")
)
SEQUENCES = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.integers(0, LATEST)), min_size=0, max_size=6
)


@settings(max_examples=EXAMPLES)
@given(st.lists(SEQUENCES, min_size=1, max_size=3))
def test_what_a_reload_says_is_true(rounds):
    """0: the newest serves; 150: the old one serves; nothing serves: nothing does."""
    world = World()
    for events in rounds:
        for name, look in events:
            event = getattr(world, name)
            world.host.before_look(look, event) if look else event()
        try:
            reload(SERVICE, world.master.id, world.host)
        except Reverted:
            now = {worker.loaded for worker in world.takers()}
            assert now and now <= world.served, (world.served, now)
        except InitError as exc:
            if "nothing serves" in str(exc):
                assert not [worker for worker in world.takers() if worker.title == world.worker]
        else:
            takers = world.settle()
            assert takers
            assert all(worker.loaded >= world.sent for worker in takers)
        world.host.forget_looks()
