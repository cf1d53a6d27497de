"""Every process of the host that runs a daemon, by what it is. Looks only."""

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

LISTINGS = 3  # of all processes, in one census
CLOCKS = 0.1  # seconds by which the age of a file and that of a process may differ


class ProcessScan:
    """Every process of the host that runs this daemon, by what it is."""

    def __init__(self, service: Service, host: Host) -> None:
        """Look at all of them; the price grows with the host."""
        self._service, self._host = service, host
        self.masters: dict[int, ProcessFacts] = {}  # of this service, workers just born included
        self.foreign: list[ProcessFacts] = []  # masters of other instances
        self.strays: list[ProcessFacts] = []  # workers without a master, whosever
        self.starting: list[Process] = []
        self.executing = False  # somebody is about to be one of them
        if service.master_title is None:
            return
        listed: set[int] = set()
        # Again for who was born meanwhile: a daemon that goes to the background is
        # another process then, and the one that was listed is dead.
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
        # The whole of a process is looked at only if its title has a reason.
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
        """Return the masters, the oldest first, without workers too young for their own title.

        A child of a master is a master itself, the new one of an upgrade, once it has workers.
        """
        found = [
            facts.process
            for facts in self.masters.values()
            if facts.ppid not in self.masters
            or workers_of(self._service, facts.process, self._host)
        ]
        return sorted(found, key=lambda process: (process.started, process.pid))

    def parent(self, master: Process) -> int:
        """Return the number of the parent of one of the masters, or 0."""
        facts = self.masters.get(master.pid)
        return facts.ppid if facts else 0

    def orphans(self, *pidfiles: Pidfile) -> tuple[Process, ...]:
        """Return those strays that are this service's: families, of one session each.

        A family is ours if one of it holds a socket that is ours: one that our
        master has too, or, if we have no master, one on an address that the
        configuration names. Or by its session, which bears the number of the
        master that made it: ours that lives, or one that a trusted pidfile names
        which is older than the family, for then its master has written it itself.

        Two daemons that one parent has started in the foreground share a session,
        so one with another instance's master in it proves nothing.
        """
        service, host = self._service, self._host
        if not self.strays:
            return ()
        from .configuration import read_configuration

        masters = [facts.process for facts in self.masters.values()]
        ours = {inode for master in masters for inode in host.socket_inodes(master)}
        # A newborn worker of ours may have its own user already, and its master's title still.
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
            if facts.session not in sessions and is_ours(facts):  # one speaks for its family
                proven.append(facts)
                sessions |= {facts.session} - {0, *foreign}
        return tuple(
            facts.process for facts in self.strays if facts in proven or facts.session in sessions
        )

    def _wrote(self, pidfile: Pidfile, child: Process) -> bool:
        age = self._host.file_age(pidfile.path)
        return pidfile.trusted and age is not None and age >= self._host.age(child) - CLOCKS


def places_of(process: Process, host: Host) -> set[str] | None:
    """Return where *process* listens, as ``Listener.place``; None where we may not see."""
    try:
        listeners = host.copy_listeners(process)
    except CannotCopy:
        return None
    for listener in listeners:
        host.close(listener.fd)
    return {listener.place for listener in listeners}
