"""What is there: the master, its workers, an old master, orphans. Looks only.

Every action begins with this, so that it carries on from wherever a killed
script, a crash or somebody's own ``kill`` has left the service. The pidfile
says where to look first; only when it names no master is every process of the
host looked at.
"""

from __future__ import annotations

from ..errors import NotRunning
from ..host import HERE, Host, Process
from ..service import Service
from ..value import Value
from .identity import is_master, workers_of
from .pidfile import MISSING, Pidfile, read_pidfile


class Snapshot(Value):
    """What was there at one moment."""

    pidfile: Pidfile
    oldbin: Pidfile
    master: Process | None = None  # the one to signal; the new one in an upgrade
    old_master: Process | None = None  # of an unfinished upgrade
    handover: bool = False  # master has renamed its pidfile, and no new one has written it
    others: tuple[Process, ...] = ()  # further masters of the same configuration
    orphans: tuple[Process, ...] = ()  # workers whose master is dead
    starting: tuple[Process, ...] = ()  # the daemon, not yet a master; only where all is looked at
    executing: bool = False  # the daemon's binary, by somebody who does not tell yet for whom

    @property
    def lost(self) -> bool:
        """Whether the master was found by identity, its pidfile being no help."""
        return self.master is not None and not self.handover and self.master.pid != self.pidfile.pid

    @property
    def leftover(self) -> bool:
        """Whether there is a .oldbin that names no master: of one that died in an upgrade."""
        return self.oldbin.verdict != MISSING and self.old_master is None and not self.handover

    @property
    def masters(self) -> tuple[Process, ...]:
        """All of them, the oldest first: the order in which to let them go."""
        return tuple(
            master for master in (*self.others, self.old_master, self.master) if master is not None
        )

    @property
    def processes(self) -> tuple[Process, ...]:
        """Whatever a stopped service must not have, but for workers of its masters."""
        return (*self.masters, *self.orphans, *self.starting)

    @property
    def upgrading(self) -> bool:
        """Whether an upgrade is unfinished."""
        return self.old_master is not None or self.handover or bool(self.others)


def take_snapshot(service: Service, host: Host, *, thorough: bool = False) -> Snapshot:
    """Look at the service.

    thorough: look at every process of the host even if the pidfile is right:
              for masters and orphans that nobody has written down.
    """
    pidfile = read_pidfile(service.pidfile, host)
    master = proven_master(service, pidfile, host)
    oldbin = read_pidfile(service.oldbin, host)
    old = proven_master(service, oldbin, host)
    if old is not None and old == master:
        old = None
    handover = master is None and old is not None
    if handover:
        master, old = old, None
    found = Snapshot(
        pidfile=pidfile, oldbin=oldbin, master=master, old_master=old, handover=handover
    )
    if master is not None and not thorough and not found.leftover:
        return found
    return _scan(service, host, found)


def master_of(service: Service, host: Host = HERE) -> Process:
    """Return the service's master, proven. Raises NotRunning."""
    master = take_snapshot(service, host).master
    if master is None:
        raise NotRunning("not running")
    return master


def proven_master(service: Service, pidfile: Pidfile, host: Host) -> Process | None:
    """Return the master that a pidfile names, if what it names is one."""
    facts = host.look(pidfile.pid) if pidfile.pid else None
    if facts is None or not is_master(service, facts, host):
        return None
    if service.master_title is None and not pidfile.trusted:
        return None  # the binary alone is no proof: somebody else may run it too
    return facts.process


def named_master(service: Service, path: str, host: Host) -> Process | None:
    """Return the proven master that the pidfile at *path* names, if any."""
    return proven_master(service, read_pidfile(path, host), host)


def _scan(service: Service, host: Host, known: Snapshot) -> Snapshot:
    from .scan import ProcessScan

    scan = ProcessScan(service, host)
    found = scan.oldest_first()
    rest = [process for process in found if process not in (known.master, known.old_master)]
    master, old, handover = known.master, known.old_master, known.handover
    if master is None and rest:
        master = rest.pop()
        parent = scan.parent(master)
        if parent in scan.masters:  # both pidfiles lost in the middle of an upgrade
            old = scan.masters[parent].process
            rest.remove(old)
    elif handover and rest and workers_of(service, rest[-1], host):
        # It starts workers only once it has written its pidfile: that is what is lost.
        master, old, handover = rest.pop(), master, False
    elif master is not None and old is None and not handover:
        parents = [one for one in rest if one.pid == scan.parent(master)]
        if parents:  # .oldbin is lost in the middle of an upgrade
            old = parents[0]
            rest.remove(old)
    return known.replace(
        master=master,
        old_master=old,
        handover=handover,
        others=tuple(rest),
        orphans=scan.orphans(known.pidfile, known.oldbin),
        starting=tuple(scan.starting),
        executing=scan.executing,
    )
