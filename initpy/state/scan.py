"""Read every process of the host, and sort those that belong to a daemon."""

from __future__ import annotations

from ..host import CannotCopy, Host, Process, ProcessFacts
from ..service import Service
from .identity import (
    executes,
    is_master,
    is_starting,
    is_worker,
    looks_like_master,
    runs_daemon,
    workers_of,
)
from .pidfile import Pidfile

LISTINGS = 3  # of all pids, in one scan
CLOCKS = 0.1  # seconds; the age of a file and that of a process may differ by so much


class ProcessScan:
    """The processes of the host that belong to this daemon, by their role."""

    def __init__(self, service: Service, host: Host) -> None:
        """Read all processes. The cost grows with their number."""
        self._service, self._host = service, host
        self.masters: dict[int, ProcessFacts] = {}  # of this service, and its new workers
        self.foreign: list[ProcessFacts] = []  # masters of other instances
        self.strays: list[ProcessFacts] = []  # workers without a master, of any instance
        self.starting: list[Process] = []
        self.executing = False  # a process is inside the execve(2) of the daemon
        if service.master_title is None:
            return
        listed: set[int] = set()
        # List again, because of processes that were forked meanwhile: a daemon that goes
        # to the background forks, and the process that was listed exits.
        for _ in range(LISTINGS):
            fresh = [pid for pid in host.pids() if pid not in listed]
            if not fresh:
                break
            listed.update(fresh)
            for pid in fresh:
                self._consider(pid)

    def _consider(self, pid: int) -> None:
        service, host = self._service, self._host
        title = host.title(pid)
        if not title:
            self.executing = self.executing or executes(service, pid, host)
            return
        titled = looks_like_master(service, title) or is_worker(service, title)
        # Only if the title matches are the other facts read: that costs more.
        if titled or (service.config or service.daemon) in title:
            facts = host.look(pid)
            if facts is not None:
                self._count(facts)

    def _count(self, facts: ProcessFacts) -> None:
        service, host = self._service, self._host
        if is_master(service, facts, host):
            self.masters[facts.process.pid] = facts
        elif looks_like_master(service, facts.title):
            self.foreign.append(facts)
        elif is_starting(service, facts, host):
            self.starting.append(facts.process)
        elif (
            service.worker_titles
            and is_worker(service, facts.title)
            and not facts.nested
            and not looks_like_master(service, host.title(facts.ppid))
        ):
            self.strays.append(facts)

    def oldest_first(self) -> list[Process]:
        """Return the masters, the oldest first, without workers that have no own title yet.

        A child of a master is a master, too, if it has workers: it is the new one of an
        upgrade.
        """
        found = [
            facts.process
            for facts in self.masters.values()
            if facts.ppid not in self.masters
            or workers_of(self._service, facts.process, self._host)
        ]
        return sorted(found, key=lambda process: (process.started, process.pid))

    def parent(self, master: Process) -> int:
        """Return the pid of the parent of one of the masters, or 0."""
        facts = self.masters.get(master.pid)
        return facts.ppid if facts else 0

    def orphans(self, *pidfiles: Pidfile) -> tuple[Process, ...]:
        """Return the strays that belong to this service. Strays of one session belong together.

        They belong to this service if one of them holds a socket that a master of this
        service has, too, or, if no master lives, a socket on an address that the
        configuration names. They also do if their session is that of a master of this
        service: the number of a session is the pid of the master that made it. Such a
        master lives, or a trusted pidfile names it that is older than the strays: then
        that master wrote the pidfile itself.

        Two daemons that one parent has started in the foreground share a session. So a
        session that contains a master of another instance proves nothing.
        """
        service, host = self._service, self._host
        if not self.strays:
            return ()
        from .configuration import read_configuration

        masters = [facts.process for facts in self.masters.values()]
        ours = {inode for master in masters for inode in host.socket_inodes(master)}
        # A new worker of ours that runs as its own user already, but still has its master's
        # title, looks like a master of another instance.
        foreign = {other.session for other in self.foreign if other.ppid not in self.masters}
        config = read_configuration(service, host)

        def made_by_ours(facts: ProcessFacts) -> bool:
            if facts.session in foreign:
                return False
            return facts.session in self.masters or any(
                facts.session == pidfile.pid and self._wrote(pidfile, facts.process)
                for pidfile in pidfiles
            )

        def is_ours(facts: ProcessFacts) -> bool:
            runs = runs_daemon(service, facts, host)
            places = places_of(facts.process, host)
            if places is None:
                return runs and made_by_ours(facts)
            if ours:
                return bool(ours & host.socket_inodes(facts.process))
            return runs and (not places.isdisjoint(config.listens) or made_by_ours(facts))

        proven, sessions = [], set()
        for facts in self.strays:
            if facts.session not in sessions and is_ours(facts):  # one proves its session
                proven.append(facts)
                sessions |= {facts.session} - {0, *foreign}
        return tuple(
            facts.process for facts in self.strays if facts in proven or facts.session in sessions
        )

    def _wrote(self, pidfile: Pidfile, child: Process) -> bool:
        age = self._host.file_age(pidfile.path)
        return pidfile.trusted and age is not None and age >= self._host.age(child) - CLOCKS


def places_of(process: Process, host: Host) -> set[str] | None:
    """Return where *process* listens, as ``Listener.place``; None if we may not see it."""
    try:
        listeners = host.copy_listeners(process)
    except CannotCopy:
        return None
    for listener in listeners:
        host.close(listener.fd)
    return {listener.place for listener in listeners}
