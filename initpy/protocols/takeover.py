"""A new master on the sockets of another: upgrade by takeover, and recovery of orphans.

A daemon that replaces itself by stopping its workers first serves nothing if its
successor fails. From outside it goes the other way round: copy the listening
sockets of the processes that hold them (pidfd_getfd(2)), start a new master on
the copies, and end the old processes when it serves. If it fails, the old ones
have not noticed.

    upgrade   old master serves -> both serve -> old master gone, its workers finish
    start     orphans serve     -> both serve -> orphans finish
"""

from __future__ import annotations

from ..control.drain import drain
from ..control.inherit import InheritedSockets
from ..control.launch import launch
from ..control.orphans import drain_orphans, retire
from ..control.pidfiles import restore_pidfile, write_pidfile
from ..control.signals import resume
from ..control.stable import require_running
from ..errors import InitError, Reverted, RollbackFailed, Unimplemented
from ..host import CannotCopy, Host, Process
from ..service import Service
from ..state.configuration import may_be_workerless, read_configuration
from ..state.snapshot import Snapshot, named_master
from .verify import require_alive, run_check, upgrade_failed, verify_binary, verify_master

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def recover(service: Service, orphans: Sequence[Process], host: Host) -> bool:
    """Start a master on the sockets that *orphans* hold, then let them finish.

    False, and nothing is changed, if their sockets are none that a new master
    could be started on. The caller holds the lock and has tested the
    configuration. Raises InitError, and the orphans serve as before.
    """
    if service.inherit is None:
        return False
    pids = ", ".join(map(str, orphans))
    try:
        with InheritedSockets(service, orphans, host) as inheritance:
            if not inheritance.listeners:
                return False
            _record_old_master(service, _session(orphans, host), host)
            master = launch(service, host, inheritance=inheritance)
    except CannotCopy as exc:
        host.tell(f"{exc}; ending workers that a dead master has left behind: pids {pids}")
        return False
    host.tell(f"master {master} took over from workers of a dead master: pids {pids}")
    drain_orphans(service, host, orphans)
    return True


def upgrade(service: Service, seen: Snapshot, host: Host) -> None:
    """Replace the running binary, or finish what a killed script has begun.

    The caller holds the lock. Raises as ``upgrade`` does.
    """
    if len(seen.masters) > 1:
        new = _finish_takeover(service, seen, host)
        if host.exe_file(new) == host.file_id(service.daemon):
            return
        seen = require_running(service, host)
    old = seen.masters[-1]
    _refuse_supervised(old, host)
    restore_pidfile(service, seen, host)
    verify_binary(service, old, host)
    try:
        with InheritedSockets(service, [old], host) as inheritance:
            _record_old_master(service, old.pid, host)
            new = _begin(service, old, inheritance, host)
    except CannotCopy as exc:
        raise Unimplemented(f"{exc}: restart, or reload, replaces the binary too") from exc
    _finish(service, new, [old], host)


def finish(service: Service, seen: Snapshot, host: Host) -> None:
    """Finish what a killed script has begun; the newest master may run any binary.

    Raises Reverted if the newest was not good.
    """
    _finish_takeover(service, seen, host, any_binary=True)


def _finish_takeover(
    service: Service, seen: Snapshot, host: Host, *, any_binary: bool = False
) -> Process:
    """Let all masters but the newest go, if that proves good; return the one that is left.

    A killed script has left them.

    any_binary: it need not run what is on disk by now: nobody asked for that.

    Raises Reverted if the newest was not good.
    """
    new = max(seen.masters, key=lambda master: (master.started, master.pid))
    resume(new, host)  # a script that was about to end it may have stopped it
    if len(seen.masters) == 1:  # the other one has never come up
        write_pidfile(service.pidfile, new, host)
        drain_orphans(service, host)
        return new
    old = [master for master in seen.masters if master != new]
    _finish(service, new, old, host, any_binary=any_binary)
    host.tell(f"finished the upgrade that was under way: master {new} serves")
    return new


def _record_old_master(service: Service, pid: int, host: Host) -> None:
    """Write the old master's pid to the .oldbin file, so that the next action knows of it."""
    host.write(service.oldbin, f"{pid}\n")


def _session(orphans: Sequence[Process], host: Host) -> int:
    """Return the session of the family, which is the number of its first master."""
    looks = [facts for orphan in orphans if (facts := host.look(orphan.pid))]
    return looks[0].session if looks else 0


def _refuse_supervised(old: Process, host: Host) -> None:
    """Raise Unimplemented for a master that somebody waits for: a second one is not his."""
    facts = host.look(old.pid)
    if facts is None:
        return
    unit = host.systemd_unit(old)
    if unit:
        raise Unimplemented(f"master {old} is systemd's: systemctl restart {unit}")
    # Putting itself in the background makes a session, and leaves its parent.
    adopted = facts.ppid in (0, 1) or facts.ppid == host.reaper()
    if facts.session != old.pid or not adopted:
        raise Unimplemented(
            f"master {old} runs in the foreground, its parent is pid {facts.ppid}: "
            "reload replaces the binary too, or restart it by what supervises it"
        )


def _begin(service: Service, old: Process, inheritance: InheritedSockets, host: Host) -> Process:
    try:
        return launch(service, host, inheritance=inheritance, beside=(old,))
    except InitError as exc:
        _restore(service, old, host, exc)
        raise upgrade_failed(
            Reverted, f"{exc}; old master {old} serves as before", exc.output
        ) from exc


def _restore(service: Service, old: Process, host: Host, why: InitError) -> None:
    """See that the old master serves and is named, a new one being ended already."""
    if not host.alive(old):
        raise upgrade_failed(RollbackFailed, f"{why}; and old master {old} is dead too")
    if named_master(service, service.pidfile, host) != old:
        write_pidfile(service.pidfile, old, host)
    drain_orphans(service, host)


def _finish(
    service: Service,
    new: Process,
    old: Sequence[Process],
    host: Host,
    *,
    any_binary: bool = False,
) -> None:
    """Prove the new master, then let the old ones go, or else the new one."""
    workerless = may_be_workerless(service, host)
    try:
        verify_master(service, new, host, workerless=workerless, any_binary=any_binary)
        if service.upgrade_check:
            run_check(service, host)
            require_alive(new, host)  # the check may have been answered by the old one
    except InitError as exc:
        _undo(service, new, host)
        _restore(service, old[0], host, exc)
        raise upgrade_failed(
            Reverted, f"{exc}; old master {old[0]} serves as before", exc.output
        ) from exc
    if named_master(service, service.pidfile, host) != new:
        write_pidfile(service.pidfile, new, host)
    try:
        for master in old:
            drain_orphans(service, host, retire(service, master, host))
    except InitError as exc:
        raise upgrade_failed(RollbackFailed, f"{exc}") from exc
    _see_paths(service, new, host)


def _see_paths(service: Service, new: Process, host: Host) -> None:
    """Raise RollbackFailed if a unix socket has lost its path.

    An old master that was told to end by somebody else removes them, and no
    client finds the new one then.
    """
    listens = read_configuration(service, host).listens
    gone = [place for place in listens if place.startswith("/") and not host.exists(place)]
    if gone:
        raise upgrade_failed(
            RollbackFailed, f"Master {new} serves, but {', '.join(gone)} is gone: restart"
        )


def _undo(service: Service, new: Process, host: Host) -> None:
    drain(service, retire(service, new, host), host, what="new workers")
