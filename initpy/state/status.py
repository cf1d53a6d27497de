"""The status of a service, by one look. It changes nothing and runs no program."""

from __future__ import annotations

from ..errors import StatusCode
from ..host import HERE, Host, Process, pids_of
from ..service import Service
from ..value import Value
from .identity import binary_replaced
from .pidfile import EMPTY, MISSING, UNTRUSTED, UNUSABLE
from .record import Record, read_record
from .snapshot import Snapshot, take_snapshot
from .titles import is_ready, tells_instance, workers_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_STATES = {
    StatusCode.RUNNING: "running",
    StatusCode.DEAD_PIDFILE: "dead",
    StatusCode.DEAD_LOCKFILE: "dead",
    StatusCode.STOPPED: "stopped",
    StatusCode.UNKNOWN: "unknown",
}
_HIDDEN = "/proc hides the processes of other users (hidepid)"


class Status(Value):
    """The answer of ``status``."""

    name: str
    code: int  # of StatusCode
    sentence: str  # one line for the operator
    notes: tuple[str, ...]  # further lines for the operator
    snapshot: Snapshot
    workers: tuple[Process, ...] = ()
    uptime: float | None = None  # seconds
    binary_replaced: bool | None = None  # None: we may not see which binary runs
    declared: tuple[str, ...] = ()  # where it listens, if that cannot be seen

    @property
    def state(self) -> str:
        """One word: running, dead, stopped or unknown."""
        return _STATES[self.code]

    def as_dict(self, host: Host = HERE) -> dict[str, Any]:
        """Return the answer for machines (``--json``). The keys are stable."""
        from .sockets import places

        seen = self.snapshot
        return {
            "name": self.name,
            "state": self.state,
            "code": self.code,
            "message": self.sentence,
            "master": seen.master and seen.master.pid,
            "workers": [worker.pid for worker in self.workers],
            "orphans": [orphan.pid for orphan in seen.orphans],
            "old_master": seen.old_master and seen.old_master.pid,
            "listening": places(seen.processes, host) or list(self.declared),
            "pidfile": seen.pidfile.path,
            "pidfile_state": "lost" if seen.lost else seen.pidfile.verdict,
            "binary_replaced": self.binary_replaced,
            "uptime": self.uptime,
            "notes": list(self.notes),
        }


def look(service: Service, host: Host, *, again: bool = False) -> Status:
    """Return the status of the service as it is at this moment."""
    seen = take_snapshot(service, host, again=again)
    if seen.master is None:
        hidden = "" if host.sees_all() else f", because {_HIDDEN}"
        if hidden:  # a master may be hidden, of which these are workers
            seen = seen.replace(orphans=())
        code = _code(service, seen, hidden, host)
        return Status(
            name=service.name,
            code=code,
            sentence=_absence(service, code, seen, hidden, host),
            notes=_snapshot_notes(service, seen),
            snapshot=seen,
        )
    record = read_record(service, host)
    states = host.child_states(seen.master)
    workers = workers_of(service, seen.master, host, states)
    serving = [worker for worker, title in workers.items() if is_ready(service, title)]
    uptime = host.age(seen.master)
    replaced = binary_replaced(service, seen.master, host)
    return Status(
        name=service.name,
        code=StatusCode.RUNNING,
        sentence=f"running, master {seen.master}, {_workers(len(serving))}, up {_duration(uptime)}",
        notes=(
            *_upgrade_notes(service, seen, record, host),
            *_work_notes(service, seen.master, workers, serving, host),
            *_process_notes(seen.master, states, host),
            *_path_notes(seen.master, record, host),
            *_binary_notes(service, replaced, host),
            *_snapshot_notes(service, seen),
        ),
        snapshot=seen,
        workers=tuple(workers),
        uptime=round(uptime, 2),
        declared=service.listens,
        binary_replaced=replaced,
    )


def _code(service: Service, seen: Snapshot, hidden: str, host: Host) -> int:
    verdict = seen.pidfile.verdict
    # We may not see the process, or the pidfile cannot tell.
    if hidden or seen.doubt or (verdict == UNUSABLE and not seen.pidfile.regular):
        return StatusCode.UNKNOWN
    if verdict not in (MISSING, EMPTY):
        return StatusCode.DEAD_PIDFILE
    if seen.orphans:
        return StatusCode.UNKNOWN
    if verdict == EMPTY:
        return StatusCode.DEAD_PIDFILE
    marked = host.exists(service.subsys) and not host.distrust(service.subsys)
    return StatusCode.DEAD_LOCKFILE if marked else StatusCode.STOPPED


def _absence(service: Service, code: int, seen: Snapshot, hidden: str, host: Host) -> str:
    if seen.orphans:
        from .sockets import places

        who = f"{_workers(len(seen.orphans))} orphaned (pids {', '.join(map(str, seen.orphans))})"
        return (
            f"master dead, {who}, still serving {' '.join(places(seen.processes, host))}".rstrip()
        )
    if code == StatusCode.DEAD_PIDFILE:
        return f"dead, and its pidfile {service.pidfile} is still there"
    if code == StatusCode.DEAD_LOCKFILE:
        return f"dead, and its lock file {service.subsys} is still there"
    if code == StatusCode.STOPPED:
        return "stopped"
    return f"unknown: {seen.doubt or 'no master can be seen'}{hidden}"


def _upgrade_notes(
    service: Service, seen: Snapshot, record: Record | None, host: Host
) -> tuple[str, ...]:
    told = [one for one in record.remains.draining if host.alive(one)] if record else []
    notes = []
    if told:
        notes.append(f"old processes only finish their requests (pids {pids_of(told)})")
    if seen.old_master is not None and seen.old_master not in told:
        notes.append(f"an upgrade is unfinished: old master {seen.old_master} still serves")
    if seen.handover:
        notes.append(f"an upgrade is unfinished: no new master has written {service.pidfile} yet")
    if orphans := [one for one in seen.orphans if one not in told]:
        what = "workers of a dead master still serve"
        notes.append(f"an upgrade is unfinished: {what} (pids {pids_of(orphans)})")
    if seen.others:
        pids = ", ".join(map(str, seen.others))
        notes.append(f"an upgrade is unfinished: master {pids} of this configuration serves too")
    return tuple(notes)


def _work_notes(
    service: Service,
    master: Process,
    workers: dict[Process, str],
    serving: list[Process],
    host: Host,
) -> tuple[str, ...]:
    """Say that a service whose master lives does not serve."""
    idle = [] if serving or not service.worker_titles else [""]
    if service.on_demand:
        from .workers import idle_pools  # others have no pools

        idle = idle_pools(service, master, [workers[one] for one in serving], host)
    if not idle:
        return ()
    if not host.sees_all():
        return (f"whether its workers take requests cannot be seen, because {_HIDDEN}",)
    pools = f" of pool {', '.join(idle)}" if any(idle) else ""
    return (f"no worker{pools} takes requests",)


def _process_notes(master: Process, children: dict[Process, str], host: Host) -> tuple[str, ...]:
    """Say what keeps its processes from working."""
    notes = ["its processes are frozen with their cgroup"] if host.frozen(master) else []
    masks = host.signals(master)
    states = {master: masks.state if masks else "", **children}
    if stopped := ", ".join(str(one) for one, state in states.items() if state in ("T", "t")):
        notes.append(f"stopped by a signal, and not working: pids {stopped}")
    return tuple(notes)


def _path_notes(master: Process, record: Record | None, host: Host) -> tuple[str, ...]:
    """Say which paths of its unix sockets lead to none of them, as far as recorded."""
    ours = {one.inode for one in record.sockets if one.place.startswith("/")} if record else ()
    if not ours:
        return ()
    from .sockets import lost_paths

    there = [one for one in host.unix_sockets() or () if one.inode in ours]
    lost = ", ".join(lost_paths(there, master, host))
    return (f"no client reaches {lost}: its socket is not there any more",) if lost else ()


def _binary_notes(service: Service, replaced: bool | None, host: Host) -> tuple[str, ...]:
    if not replaced:
        return ()
    if host.file_id(service.daemon) is None:
        return ("the binary on disk is gone",)
    mend = "upgrade" if service.upgrade else "restart"
    return (f"the binary on disk is newer than the running one: {mend}",)


def _snapshot_notes(service: Service, seen: Snapshot) -> tuple[str, ...]:
    pidfile, note = seen.pidfile, ""
    titled = tells_instance(service)
    if pidfile.verdict in (UNTRUSTED, UNUSABLE) and (titled or seen.master is None):
        note = f"pidfile {pidfile.path} is not trusted: {pidfile.reason}"
    elif seen.lost:
        why = "names another process" if pidfile.pid else f"is {pidfile.verdict}"
        how = "a process scan found" if titled else "the record tells"
        note = f"pidfile {pidfile.path} is lost, it {why}; {how} the master"
    return tuple(filter(None, (note, seen.unjudged_sentence)))


def _workers(count: int) -> str:
    return f"{count} worker" if count == 1 else f"{count} workers"


def _duration(seconds: float) -> str:
    """Write a duration in its two greatest units.

    >>> _duration(93784)
    '1 d 2 h'
    """
    whole = int(seconds)
    parts = [
        f"{value} {unit}"
        for value, unit in (
            (whole // 86400, "d"),
            (whole // 3600 % 24, "h"),
            (whole // 60 % 60, "min"),
            (whole % 60, "s"),
        )
        if value
    ]
    return " ".join(parts[:2]) or "0 s"
