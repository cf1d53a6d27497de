"""The snapshot: master, old master, orphans, pidfiles of a service at one moment.

Every action begins with a snapshot, so that it can continue from whatever state a killed
script, a crash or a manual kill(1) has left. The pidfile is read first. Only if it names
no master is every process of the host read.
"""

from __future__ import annotations

from ..errors import NotRunning
from ..host import HERE, Host, Process, ProcessFacts, pids_of
from ..service import Service
from ..value import Value
from .identity import is_master
from .pidfile import MISSING, Pidfile, read_pidfile
from .titles import tells_instance, workers_of


class Snapshot(Value):
    """The state of a service at one moment."""

    pidfile: Pidfile
    oldbin: Pidfile
    master: Process | None = None  # the one to signal; the new one in an upgrade
    old_master: Process | None = None  # of an unfinished upgrade
    handover: bool = False  # master has renamed its pidfile, and no new one has written it
    successor: bool = False  # master is a new one that the second pidfile is to name
    others: tuple[Process, ...] = ()  # further masters of the same configuration
    orphans: tuple[Process, ...] = ()  # workers whose master is dead
    unjudged: tuple[Process, ...] = ()  # they run the daemon; for which instance is not known
    starting: tuple[Process, ...] = ()  # the daemon, not yet a master; only after a scan
    retiring: tuple[Process, ...] = ()  # old masters that only finish: a script waits for that
    finishing: tuple[Process, ...] = ()  # the same of workers whose master is dead
    absence: tuple[int, ...] | None = None  # nothing is of the daemon: ``programs.absence``
    executing: bool = False  # a process inside execve(2), whose arguments are not visible yet
    why_not: str = ""  # why the process that the pidfile names is not the master
    doubt: str = ""  # of a process that may be the service, and is not proven: what there is to say

    @property
    def lost(self) -> bool:
        """Whether the master was found by a scan, because the pidfile does not name it."""
        named = self.oldbin if self.successor else self.pidfile
        return self.master is not None and not self.handover and self.master.pid != named.pid

    @property
    def leftover(self) -> bool:
        """Whether a second pidfile names no master: its master has died in an upgrade."""
        old = self.old_master or self.handover or self.oldbin.pid in (p.pid for p in self.retiring)
        return self.oldbin.verdict != MISSING and not (old or self.successor)

    @property
    def masters(self) -> tuple[Process, ...]:
        """All masters, the oldest first."""
        found = (*self.retiring, *self.others, self.old_master, self.master)
        return tuple(master for master in found if master is not None)

    @property
    def unjudged_sentence(self) -> str:
        """What to say of the workers that cannot be judged, or ""."""
        if not self.unjudged:
            return ""
        return (
            f"pids {pids_of(self.unjudged)} are workers without a master; whether they are "
            "this service's cannot be told, so they are left alone"
        )

    @property
    def processes(self) -> tuple[Process, ...]:
        """All processes that a stopped service must not have, except workers of a master."""
        return (*self.masters, *self.orphans, *self.finishing, *self.starting)

    @property
    def upgrading(self) -> bool:
        """Whether an upgrade is unfinished."""
        return self.old_master is not None or self.handover or bool(self.others)


def take_snapshot(
    service: Service, host: Host, *, thorough: bool = False, again: bool = False
) -> Snapshot:
    """Return a snapshot of the service.

    thorough: read every process, to find one that no pidfile names.
    again:    a look has just been taken, of which this one is a part: see ``scan``.
    """
    pidfile, oldbin = read_pidfile(service.pidfile, host), read_pidfile(service.oldbin, host)
    if not tells_instance(service):
        return _apart(service, _known(service, pidfile, oldbin, host, thorough=thorough), host)
    facts = _proven(service, oldbin, host) if service.second_is_new else None
    successor = facts is not None
    facts = facts or _proven(service, pidfile, host)
    master = facts.process if facts else None
    old = proven_master(service, pidfile if successor else oldbin, host)
    if old is not None and old == master:
        old = None
    if facts is not None and old is None:
        old = _parent_master(service, facts, host)
    handover = master is None and old is not None
    if handover:
        master, old = old, None
    found = Snapshot(
        pidfile=pidfile,
        oldbin=oldbin,
        master=master,
        old_master=old,
        handover=handover,
        successor=successor or (service.second_is_new and old is not None),
    )
    if master is not None and not thorough:
        apart = _apart(service, found, host)
        if not apart.leftover:
            return apart
    return _apart(service, _scan(service, host, found, again=again), host)


def _known(
    service: Service, pidfile: Pidfile, oldbin: Pidfile, host: Host, *, thorough: bool
) -> Snapshot:
    """Return the snapshot of a service whose titles do not tell: see ``programs.instance``."""
    from .programs.instance import judge_named, search

    named = judge_named(service, pidfile, host)
    heir = judge_named(service, oldbin, host).master if service.second_is_new else None
    known = named.master.process if named.master else None
    if heir is not None:
        # The old one keeps its pidfile as long as it lives.
        found = Snapshot(pidfile=pidfile, oldbin=oldbin, master=heir.process, successor=True)
        return found.replace(old_master=None if known == heir.process else known)
    family = search(service, host, known=known, thorough=thorough or known is None)
    master, old = known, family.master.process if family.master else None
    if master in (None, old):
        master, old = old, None
    doubt = f"pid {pidfile.pid} may be the service or not: {named.why_not}" if named.doubt else ""
    return Snapshot(
        pidfile=pidfile,
        oldbin=oldbin,
        master=master,
        old_master=old,
        orphans=family.orphans,
        unjudged=family.unjudged,
        executing=family.executing,
        absence=family.absence,
        why_not=named.why_not,
        doubt=doubt if master is None else "",
    )


def _apart(service: Service, found: Snapshot, host: Host) -> Snapshot:
    """Take those apart that only finish their requests, while a script waits for that."""
    if found.handover or not (found.old_master or found.others or found.orphans):
        return found
    from .phase import awaited

    told = set(awaited(service, host))
    return found.replace(
        old_master=None if found.old_master in told else found.old_master,
        others=tuple(one for one in found.others if one not in told),
        orphans=tuple(one for one in found.orphans if one not in told),
        retiring=tuple(one for one in found.masters if one in told and one != found.master),
        finishing=tuple(one for one in found.orphans if one in told),
    )


def _parent_master(service: Service, facts: ProcessFacts, host: Host) -> Process | None:
    """Return the master that has started another one: in an upgrade whose .oldbin is lost."""
    if service.upgrade is None or service.reload_execs or facts.ppid <= 1:
        return None
    parent = host.look(facts.ppid)
    return parent.process if parent and is_master(service, parent, host) else None


def master_of(service: Service, host: Host = HERE) -> Process:
    """Return the service's verified master. Raises NotRunning."""
    master = take_snapshot(service, host).master
    if master is None:
        raise NotRunning("not running")
    return master


def proven_master(service: Service, pidfile: Pidfile, host: Host) -> Process | None:
    """Return the master that a pidfile names, or None if that process is not a master."""
    return facts.process if (facts := _proven(service, pidfile, host)) else None


def _proven(service: Service, pidfile: Pidfile, host: Host) -> ProcessFacts | None:
    host.explain(
        f"pidfile {pidfile.path}: {pidfile.verdict}"
        f"{f', it names pid {pidfile.pid}' if pidfile.pid else ''}"
        f"{f', {pidfile.reason}' if pidfile.reason else ''}"
    )
    if not tells_instance(service):
        from .programs.instance import judge_named

        return judge_named(service, pidfile, host).master
    facts = host.look(pidfile.pid) if pidfile.pid else None
    return facts if facts is not None and is_master(service, facts, host) else None


def named_master(service: Service, path: str, host: Host) -> Process | None:
    """Return the verified master that the pidfile at *path* names, or None."""
    return proven_master(service, read_pidfile(path, host), host)


def newest_named_master(service: Service, host: Host) -> Process | None:
    """Return the verified master that a pidfile names, the new one in an upgrade; or None."""
    new = named_master(service, service.oldbin, host) if service.second_is_new else None
    return new or named_master(service, service.pidfile, host)


def _scan(service: Service, host: Host, known: Snapshot, *, again: bool) -> Snapshot:
    from .scan import ProcessScan

    scan = ProcessScan(service, host, again=again or known.master is not None)
    rest = [it for it in scan.oldest_first() if it not in (known.master, known.old_master)]
    master, old, handover = known.master, known.old_master, known.handover
    if master is None and rest:
        master = rest.pop()
        parent = scan.parent(master)
        if parent in scan.masters:  # both pidfiles lost in the middle of an upgrade
            old = scan.masters[parent].process
            rest.remove(old)
    elif handover and rest and workers_of(service, rest[-1], host):
        # A new master has written its pidfile before it starts workers: the file was lost.
        master, old, handover = rest.pop(), master, False
    elif master is not None and old is None and not handover:
        parents = [one for one in rest if one.pid == scan.parent(master)]
        heirs = [one for one in rest if scan.parent(one) == master.pid]
        if parents:  # .oldbin is lost in the middle of an upgrade
            old = parents[0]
            rest.remove(old)
        elif heirs and service.second_is_new:  # the same, of the new one's pidfile
            master, old = heirs[-1], master
            rest.remove(master)
    found = known.replace(
        master=master,
        old_master=old,
        handover=handover,
        successor=known.successor or (service.second_is_new and old is not None),
        others=tuple(rest),
        starting=tuple(scan.starting),
        executing=scan.executing,
        absence=scan.absence,
    )
    if scan.strays:
        from .evidence import judge_strays

        strays = judge_strays(service, scan, host)
        found = found.replace(orphans=strays.orphans, unjudged=strays.unjudged)
    return found
