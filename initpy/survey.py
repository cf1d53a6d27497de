"""What is there: the master, its workers, an old master, orphans. Looks only.

Every action begins with this, so that it carries on from wherever a killed
script, a crash or somebody's own ``kill`` has left the service. The pidfile
says where to look first; only when it names no master is every process of the
host looked at.
"""

from __future__ import annotations

from .errors import NotRunning
from .host import HERE, CannotCopy, Host, Process, ProcessFacts
from .identity import is_master, is_stray, is_worker, looks_like_master
from .pidfile import Pidfile, read_pidfile
from .record import Record
from .service import OLDBIN, Service

INFANCY = 0.1  # seconds; a worker bears its master's title for its first 1 to 4 ms


class Survey(Record):
    """What was there at one moment."""

    pidfile: Pidfile
    master: Process | None = None  # the one to signal; the new one in an upgrade
    old_master: Process | None = None  # of an unfinished upgrade
    handover: bool = False  # master has renamed its pidfile, and no new one has written it
    others: tuple[Process, ...] = ()  # further masters of the same configuration
    orphans: tuple[Process, ...] = ()  # workers whose master is dead

    @property
    def lost(self) -> bool:
        """Whether the master was found by identity, its pidfile being no help."""
        return self.master is not None and not self.handover and self.master.pid != self.pidfile.pid

    @property
    def masters(self) -> tuple[Process, ...]:
        """All of them, the oldest first: the order in which to let them go."""
        return tuple(
            master for master in (*self.others, self.old_master, self.master) if master is not None
        )

    @property
    def family(self) -> tuple[Process, ...]:
        """Whatever a stopped service must not have, but for workers of its masters."""
        return (*self.masters, *self.orphans)

    @property
    def upgrading(self) -> bool:
        """Whether an upgrade is unfinished."""
        return self.old_master is not None or self.handover or bool(self.others)


def survey(service: Service, host: Host, *, thorough: bool = False) -> Survey:
    """Look at the service.

    thorough: look at every process of the host even if the pidfile is right:
              for masters and orphans that nobody has written down.
    """
    pidfile = read_pidfile(service.pidfile, host)
    master = proven(service, pidfile, host)
    oldbin = None
    old = None
    if service.upgrade == OLDBIN:
        oldbin = read_pidfile(service.oldbin, host)
        old = proven(service, oldbin, host)
    if old is not None and old == master:
        old = None
    handover = master is None and old is not None
    if handover:
        master, old = old, None
    found = Survey(pidfile=pidfile, master=master, old_master=old, handover=handover)
    if master is not None and not thorough:
        return found
    return _scan(service, host, found, oldbin)


def master_of(service: Service, host: Host = HERE) -> Process:
    """Return the service's master, proven. Raises NotRunning."""
    master = survey(service, host).master
    if master is None:
        raise NotRunning("not running")
    return master


def running(service: Service, host: Host, *, thorough: bool = False) -> Survey:
    """Return what is there of a service that runs and that we may signal.

    Raises NotRunning or NotPermitted.
    """
    seen = survey(service, host, thorough=thorough)
    if seen.master is None:
        raise NotRunning("not running")
    host.require_permission(seen.master)
    return seen


def workers_of(service: Service, master: Process, host: Host) -> dict[Process, str]:
    """Return the workers and helpers of *master* with their titles."""
    workers = {}
    for pid in host.children(master):
        title = host.title(pid)
        process = host.find(pid) if title and is_worker(service, title) else None
        if process is not None:
            workers[process] = title
    return workers


def proven(service: Service, pidfile: Pidfile, host: Host) -> Process | None:
    """Return the master that a pidfile names, if what it names is one."""
    facts = host.look(pidfile.pid) if pidfile.pid else None
    if facts is None or not is_master(service, facts, host):
        return None
    if service.master_title is None and not pidfile.trusted:
        return None  # the binary alone is no proof: somebody else may run it too
    return facts.process


def _scan(service: Service, host: Host, known: Survey, oldbin: Pidfile | None) -> Survey:
    masters: dict[int, ProcessFacts] = {}
    foreign: set[int] = set()  # sessions of other instances of the same daemon
    strays: list[ProcessFacts] = []
    if service.master_title is not None:
        for pid in host.pids():
            title = host.title(pid)
            if not (looks_like_master(service, title) or is_worker(service, title)):
                continue
            facts = host.look(pid)
            if facts is None:
                continue
            if is_master(service, facts, host):
                masters[pid] = facts
            elif looks_like_master(service, title):
                foreign.add(facts.session)
            elif is_stray(service, facts, host) and not _has_master(service, facts, host):
                strays.append(facts)
    found = _without_infants(masters, host)
    rest = [process for process in found if process not in (known.master, known.old_master)]
    master, old = known.master, known.old_master
    if master is None and rest:
        master = rest.pop()
        parent = masters[master.pid].ppid
        if parent in masters:  # both pidfiles lost in the middle of an upgrade
            old = masters[parent].process
            rest.remove(old)
    # Daemons of one family share a session: that of their first master.
    sessions = {known.pidfile.pid, oldbin.pid if oldbin else 0}
    sessions |= {facts.session for facts in masters.values()}
    orphans = _orphans(service, strays, sessions - {0, *foreign}, foreign, found, host)
    return known.replace(master=master, old_master=old, others=tuple(rest), orphans=orphans)


def _orphans(
    service: Service,
    strays: list[ProcessFacts],
    sessions: set[int],
    foreign: set[int],
    masters: list[Process],
    host: Host,
) -> tuple[Process, ...]:
    """Return those strays that are this service's: one family each, of one session.

    A family is ours by its session, or because one of it holds a socket that
    is ours: one that our master has too, or one on an address that the
    configuration names.
    """
    suspects = [facts for facts in strays if facts.session not in sessions]
    if suspects:
        ours = {inode for master in masters for inode in host.socket_inodes(master)}
        named = service.read_config(service, host).listens if service.read_config else ()
        for facts in suspects:
            process = facts.process
            shared = bool(ours & host.socket_inodes(process))
            if shared or (not ours and _listens_on(process, named, host)):
                sessions.add(facts.session)
    return tuple(f.process for f in strays if f.session in sessions and f.session not in foreign)


def _listens_on(process: Process, named: tuple[str, ...], host: Host) -> bool:
    try:
        listeners = host.copy_listeners(process)
    except CannotCopy:
        return False
    for listener in listeners:
        host.close(listener.fd)
    return any(listener.place in named for listener in listeners)


def _without_infants(masters: dict[int, ProcessFacts], host: Host) -> list[Process]:
    """Return the masters, the oldest first, without workers too young for their own title."""
    found = [
        facts.process
        for facts in masters.values()
        if facts.ppid not in masters or host.age(facts.process) > INFANCY
    ]
    return sorted(found, key=lambda process: (process.started, process.pid))


def _has_master(service: Service, facts: ProcessFacts, host: Host) -> bool:
    return looks_like_master(service, host.title(facts.ppid))
