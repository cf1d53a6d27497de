"""Every process of the host that runs a daemon, by what it is. Looks only."""

from __future__ import annotations

from .host import CannotCopy, Host, Process, ProcessFacts
from .identity import is_master, is_starting, is_stray, is_worker, looks_like_master
from .service import Service

INFANCY = 0.1  # seconds; a worker bears its master's title for its first 1 to 4 ms


class Census:
    """Every process of the host that runs this daemon, by what it is."""

    def __init__(self, service: Service, host: Host) -> None:
        """Look at all of them; the price grows with the host."""
        self._service, self._host = service, host
        self.masters: dict[int, ProcessFacts] = {}  # of this service, workers just born included
        self.foreign: set[int] = set()  # sessions of other instances
        self.strays: list[ProcessFacts] = []  # workers without a master, of any instance
        self.starting: list[Process] = []
        if service.master_title is None:
            return
        for pid in host.pids():
            title = host.title(pid)
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
            self.foreign.add(facts.session)
        elif is_starting(service, facts, host):
            self.starting.append(facts.process)
        elif is_stray(service, facts, host) and not looks_like_master(
            service, host.title(facts.ppid)
        ):
            self.strays.append(facts)

    def grown(self) -> list[Process]:
        """Return the masters, the oldest first, without workers too young for their own title."""
        found = [
            facts.process
            for facts in self.masters.values()
            if facts.ppid not in self.masters or self._host.age(facts.process) > INFANCY
        ]
        return sorted(found, key=lambda process: (process.started, process.pid))

    def orphans(self, sessions: set[int]) -> tuple[Process, ...]:
        """Return those strays that are this service's.

        sessions: of families that are ours. A daemon's processes share one, that
                  of their first master; but so do two daemons that were started
                  in the foreground by one parent, so one that another instance's
                  master is in proves nothing.

        The other proof is a socket: one that our master has too, or, if we have
        no master, one on an address that the configuration names.
        """
        holding = self._holding_ours([f for f in self.strays if f.session not in sessions])
        sessions = sessions | {facts.session for facts in holding}
        return tuple(
            facts.process
            for facts in self.strays
            if facts in holding or facts.session in sessions - {0, *self.foreign}
        )

    def _holding_ours(self, suspects: list[ProcessFacts]) -> list[ProcessFacts]:
        if not suspects:
            return []
        service, host = self._service, self._host
        masters = [facts.process for facts in self.masters.values()]
        ours = {inode for master in masters for inode in host.socket_inodes(master)}
        if ours:
            return [f for f in suspects if ours & host.socket_inodes(f.process)]
        named = service.read_config(service, host).listens if service.read_config else ()
        return [f for f in suspects if not places_of(f.process, host).isdisjoint(named)]


def places_of(process: Process, host: Host) -> set[str]:
    """Return where *process* listens, as ``Listener.place``; nothing where we may not see."""
    try:
        listeners = host.copy_listeners(process)
    except CannotCopy:
        return set()
    for listener in listeners:
        host.close(listener.fd)
    return {listener.place for listener in listeners}
