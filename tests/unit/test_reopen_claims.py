"""What a reopen says is true, whatever others do meanwhile: as in ``test_reload_claims``."""

from __future__ import annotations

import os
import signal

import pytest
from daemons import FakeFpm, FakeNginx
from fakes import FakeHost
from hypothesis import given, settings
from hypothesis import strategies as st

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError
from initpy.protocols.reopen import reopen_logs

EXAMPLES = int(os.environ.get("INITPY_MODEL_EXAMPLES", "500"))
TIMES = {"timeout": 3.0, "drain_timeout": 6.0}
DAEMONS = {
    "nginx": (FakeNginx, NGINX.replace(**TIMES)),
    "php-fpm": (FakeFpm, PHP_FPM.replace(**TIMES)),
}
LATEST = 60  # a look of the script


class World:
    """A running daemon, and what may befall it."""

    def __init__(self, kind):
        fake, self.service = DAEMONS[kind]
        self.host = FakeHost()
        self.daemon = fake(self.host, self.service)
        self.daemon.logs = [self.daemon.error_log, self.daemon.access_log]
        self.master = self.daemon.run()
        self.sent = self.late = False  # the script its signal; a rotation after that
        self.rotations = 0
        kill = self.host.kill

        def send(process, sig):
            self.sent = True
            return kill(process, sig)

        self.host.kill = send

    def act(self):
        """Have the logs opened anew."""
        self.sent = self.late = False
        reopen_logs(self.service, (self.master.id,), self.host)

    def workers(self):
        """Return the workers, those of before among them."""
        return self.daemon.workers(self.master)

    # What may befall it.

    def rotate(self):
        """Rename the logs."""
        self.rotations += 1
        self.late = self.sent
        for path in self.daemon.logs:
            if path in self.host.files:
                self.host.rename(path, f"{path}.{self.rotations}")

    def remove(self):
        """Remove the log of the requests."""
        self.late = self.sent
        self.host.files.pop(self.daemon.access_log, None)

    def have_clients(self):
        """Have requests that take two seconds."""
        self.daemon.drain = 2.0

    def have_slow_clients(self):
        """Have requests that take an hour."""
        self.daemon.drain = 3600.0

    def have_no_clients(self):
        """Have nothing to do."""
        self.daemon.drain = 0.0

    def stop_a_worker(self):
        """Stop a worker by a signal."""
        for worker in self.workers()[:1]:
            worker.state = "T"

    def wake_the_workers(self):
        """Let the stopped ones go on."""
        for worker in self.workers():
            if worker.state == "T":
                self.host.deliver(worker, signal.SIGCONT)

    def forbid_a_worker(self):
        """Let a worker not open a log anew."""
        for worker in self.workers()[-1:]:
            worker.cannot_open = "13: Permission denied"

    def lose_a_worker(self):
        """Kill a worker."""
        for worker in self.workers()[:1]:
            self.host.end(worker)

    def fail_to_reload(self):
        """Have somebody else send HUP with a configuration that is wrong, to nginx."""
        if not self.service.reload_execs:
            self.daemon.bad = True
            self.host.deliver(self.master, signal.SIGHUP)
            self.daemon.bad = False

    def reload(self):
        """Have somebody else reload nginx."""
        if not self.service.reload_execs:
            self.host.deliver(self.master, signal.SIGHUP)


EVENTS = sorted(
    name
    for name, value in vars(World).items()
    if callable(value) and name not in ("__init__", "act", "workers")
)
EVENT = st.tuples(st.sampled_from(EVENTS), st.integers(0, LATEST))


@pytest.mark.parametrize("kind", DAEMONS)
def test_what_a_reopen_says_is_true(kind):
    """0: no process of the service writes to a file that was rotated before the signal."""

    @settings(max_examples=EXAMPLES)
    @given(st.lists(st.lists(EVENT, max_size=6), min_size=1, max_size=3))
    def holds(rounds):
        world = World(kind)
        for events in rounds:
            world.host.before_look(0, world.rotate)
            for name, look in events:
                event = getattr(world, name)
                world.host.before_look(look, event) if look else event()
            try:
                world.act()
            except InitError:
                pass
            else:
                family = [world.master, *world.workers()]
                held = {file.path for one in family for file in one.appends.values()}
                there = {path for path in world.daemon.logs if path in world.host.files}
                assert world.late or held <= there
            world.host.forget_looks()

    holds()
