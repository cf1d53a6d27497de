"""A php-fpm with several pools, each with its own socket and workers: for ``test_takeover_claims``.

``test_daemon_contract`` holds it to the real one.
"""

from __future__ import annotations

import os.path
from typing import NamedTuple

from daemons import FakeFpm
from fakes import ALL_SIGNALS
from model import Observed

from initpy.daemons.php_fpm import PHP_FPM

LIFE = 0.04  # seconds that a worker lasts which ends after some requests, under load
LIFELESS = 0.004  # seconds that one lasts which cannot live


class Pool(NamedTuple):
    """A pool as it is configured."""

    name: str
    place: str
    pm: str = "static"
    workers: int = 2
    retires: bool = False  # pm.max_requests
    lifeless: bool = False  # its workers end at once, whatever its configuration says

    @property
    def needs_workers(self):
        """Whether it starts workers before a client comes."""
        return self.pm != "ondemand"

    @property
    def text(self):
        """Its section."""
        return (
            f"[{self.name}]\nlisten = {self.place}\npm = {self.pm}\n"
            f"pm.max_children = {self.workers}\npm.start_servers = {self.workers}\n"
            f"pm.max_requests = {5 if self.retires else 0}\n"
        )


class FakePools(Observed, FakeFpm):
    """A php-fpm with pools: a worker has the socket of its own pool alone."""

    def __init__(self, host, service=PHP_FPM, *, pools, **facts):
        self.pools = tuple(pools)
        super().__init__(host, service, **facts)
        self.title = f"php-fpm: master process ({service.config})"
        self.places = []  # what is listened on, the pools tell
        self.in_foreground = False
        self.inodes = 0
        self.edit(pools)

    def configure(self, _places):
        """Write the configuration of its pools."""
        self.edit(self.pools)

    def edit(self, pools):
        """Write a configuration."""
        self.pools = tuple(pools)
        self.generation += 1
        text = f"[global]\npid = {self.service.pidfile}\n"
        text += "".join(pool.text for pool in self.pools)
        self.host.files[self.service.config].text = text

    # Its sockets: fpm_sockets_init_main.

    def taken(self):
        """Tell that it can be tried: whether a socket can be had is seen when it is made."""
        return False

    def listen(self, _master):
        """Make no socket before it is known what is inherited."""
        return {}

    def boot(self, sockets=None, kind="good", **facts):
        """Come up as after a start; None if it cannot have a socket, or read its configuration."""
        bound = None if self.bad else self.bind(sockets or {})
        if bound is None:
            return None
        master = self.new_master(sockets=bound, kind=kind, **facts)
        master.sockets = bound  # also if there are none
        master.blocked, master.caught_later, master.caught = ALL_SIGNALS, master.caught, 0
        self.host.at(self.booting, lambda: self.come_up(master), by=master)
        return master

    def bind(self, inherited):
        """Return the sockets of a master: those that it inherits and needs, and new ones."""
        had = {place: inode for inode, place in inherited.items()}
        bound = {}
        for pool in self.pools:
            inode = had.pop(pool.place, None) or self.make_socket(pool.place)
            if inode is None:
                return None
            bound[inode] = pool.place
        for place in had:
            if place.startswith("/"):
                self.host.files.pop(place, None)
        return bound

    def make_socket(self, place):
        """Make a socket; None if that fails. A path at which nobody listens is unlinked."""
        host = self.host
        held = {i: at for one in host.processes.values() for i, at in one.sockets.items()}
        self.inodes += 1
        inode = 1_000_000 * (1 + self.service.config.endswith(".other")) + self.inodes
        if not place.startswith("/"):
            return None if place in held.values() else inode
        file = host.files.get(place)
        if os.path.dirname(place) not in host.files:
            return None
        if file and any(at == place and host.bound[i] == file.inode for i, at in held.items()):
            return None
        host.bound[inode] = host.put(place, kind="socket").inode
        return inode

    # Its masters.

    def new_master(self, *args, **facts):
        """Start a master, with the configuration on disk."""
        master = super().new_master(*args, **facts)
        master.pools, master.queued, master.loops = self.pools, False, False
        return master

    def run(self, pid=None):
        """Be up already, and for an hour; return the master."""
        facts = {"forked": not self.in_foreground}
        master = self.new_master(pid=pid, age=3600, sockets=self.bind({}), **facts)
        self.watch(master)
        master.loops = True
        self.write_pid(master)
        self.new_workers(master, infancy=0)
        return master

    def watch(self, master):
        """Have a master wait for the clients of the pools that start workers on demand."""
        lazy = {pool.place for pool in master.pools if not pool.needs_workers}
        master.watched = {inode for inode, place in master.sockets.items() if place in lazy}

    def come_up(self, master):
        """Be a master; signals that came while it started are taken in the end."""
        master.caught = master.caught_later
        self.watch(master)
        came = self.host.is_pending(master, "SIGUSR2")
        master.pending = 0
        master.queued = master.queued or came
        super().come_up(master)

        def loop():
            master.loops = True
            if master.queued:
                master.queued = False
                self.usr2(master)

        self.host.at(0.0021, loop, by=master)

    def usr2(self, master):
        """Do a reload, when it has come up."""
        if master.loops:
            super().usr2(master)
        else:
            master.queued = True

    def execute(self, master):
        """Execute what is on disk: signals are blocked before (fpm_pctl_exec)."""
        master.loops, master.blocked = False, ALL_SIGNALS
        if master.forked:
            super().execute(master)
            return
        if self.bad or self.on_disk != "good":
            self.host.end(master)
            return
        master.argv, caught, master.caught = (self.service.daemon, "-F"), master.caught, 0

        def again():
            bound = None if self.bad else self.bind(master.sockets)
            if bound is None:
                self.host.end(master)
                return
            master.sockets, master.pools = bound, self.pools
            master.loaded, master.ends, master.caught_later = self.generation, None, caught
            master.exe_id = self.host.file_id(self.service.daemon)
            self.host.at(self.booting, lambda: self.come_up(master), by=master)

        self.host.at(0.002, again, by=master)

    def clean_up(self, master):
        """Remove pidfile and the paths of its sockets, whoever needs them (fpm_cleanups)."""
        self.host.files.pop(self.service.pidfile, None)
        for place in master.sockets.values():
            if place.startswith("/"):
                self.host.files.pop(place, None)

    # Its workers.

    def new_workers(self, master, infancy=0.002, **_count):
        """Start the workers of every pool."""
        for pool in master.pools:
            for _ in range(pool.workers if pool.needs_workers else 0):
                self.new_worker(master, pool, infancy)

    def new_worker(self, master, pool, infancy=0.002):
        """Start a worker of a pool, unless its master is on its way out."""
        if master.ends or not self.alive(master):
            return
        known = set(self.host.processes)
        self._new_worker(master, infancy)
        (worker,) = [p for pid, p in self.host.processes.items() if pid not in known]
        worker.pool, title = pool, f"php-fpm: pool {pool.name}"
        worker.sockets = {i: place for i, place in master.sockets.items() if place == pool.place}
        if infancy:
            self.host.at(infancy, lambda: setattr(worker, "title", title), by=worker)
        else:
            worker.title = title
        if pool.lifeless:
            self.host.at(LIFELESS, lambda: self.host.end(worker), by=worker)
        elif pool.retires:
            self.host.at(LIFE, lambda: self.finish(worker), by=worker)

    def _lost(self, worker, master):
        """Replace a worker by one of the same pool."""
        if not self.alive(master) or master.ends or worker.dismissed:
            super()._lost(worker, master)
        elif worker.pool.needs_workers:
            self.host.at(0.001, lambda: self.new_worker(master, worker.pool), by=master)

    def finish(self, worker):
        """Have a worker finish what it has begun, and end; its title stays."""
        if not worker.retired:
            worker.retired, worker.sockets = True, {}
            self.host.at(self.drain, lambda: self.host.end(worker), by=worker)

    # What is seen.

    def up(self):
        """Return the masters that are up."""
        return [m for m in self.alive_masters() if m.title == self.title and not m.blocked]

    def reaches(self, pool, process):
        """Tell whether a client of that pool reaches a process."""
        for inode, place in process.sockets.items():
            file = self.host.files.get(place)
            leads = not place.startswith("/") or (file and self.host.bound[inode] == file.inode)
            if place == pool.place and leads:
                return True
        return False

    def open_places(self):
        """Return where a process of it listens, and a client gets there."""
        return {
            place
            for one in self.own()
            for inode, place in one.sockets.items()
            if not place.startswith("/")
            or (place in self.host.files and self.host.bound[inode] == self.host.files[place].inode)
        }

    def takers_of(self, pool):
        """Return the workers of a pool that take its requests."""
        title = f"php-fpm: pool {pool.name}"
        return [
            w
            for w in self.alive_workers()
            if w.title == title and not w.retired and self.reaches(pool, w)
        ]

    def takers(self):
        """Return the workers that take requests."""
        return [w for w in self.alive_workers() if not w.retired and w.sockets]
