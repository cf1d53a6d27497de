"""Start a new master on the sockets of running processes: upgrade, and recovery of orphans.

Some daemons replace themselves by ending their workers first. If the new binary then
fails, nothing serves. Here the order is reversed: copy the listening sockets of the
running processes (pidfd_getfd(2)), start a new master that inherits the copies, and end
the old processes when it serves. If it fails, the old processes serve as before.

    upgrade   old master serves -> both serve -> old master gone, its workers finish
    start     orphans serve     -> both serve -> orphans finish
"""

from __future__ import annotations

from ..control.ask import ask_configuration
from ..control.configtest import surroundings_of_reader
from ..control.drain import drain_orphans
from ..control.pidfiles import lost_paths_sentence, restore_pidfile
from ..control.ready import BesideOrphans, why_not_serving
from ..control.record import record_leftovers, record_started
from ..control.signals import require_permission
from ..control.stable import await_launcher, require_running, why_in_foreground
from ..control.starting.launch import Launch, launch
from ..control.starting.started import Started
from ..control.units import supervising_unit
from ..errors import (
    ConfigTestFailed,
    InitError,
    Reverted,
    RollbackFailed,
    Unimplemented,
    WaitTimeout,
    failure_of,
    upgrade_failed,
)
from ..host import CannotCopy, Host, Process, pids_of
from ..host.wait import insist, wait_until
from ..service import Service
from ..state.record import read_record
from ..state.snapshot import Snapshot, take_snapshot
from .foresight.trials import Foreseen, foresee
from .handover import (
    conclude,
    old_helpers,
    restore,
    retire_others,
    take_over,
    terminate_hung,
)
from .sockets.inherit import InheritedSockets
from .sockets.wishes import tell_wishes
from .unfinished import finish_takeover
from .verify import require_alive, run_check, verify_binary, verify_master

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..contracts import Configuration

# A master that executes itself anew is in the foreground until it forks again.
EXECUTING = 1.0  # seconds


def recover(service: Service, orphans: Sequence[Process], host: Host) -> bool:
    """Start a master on the sockets of *orphans*, then let the orphans finish.

    Returns False, and changes nothing, if a new master cannot inherit their sockets. The
    caller holds the lock and has tested the configuration. Raises InitError if the new
    master fails: the orphans serve as before, and it names them.
    """
    if service.inherit is None:
        return False
    pids = pids_of(orphans)
    try:
        record = read_record(service, host)
        inheritance = InheritedSockets(service, orphans, host, record=record)
    except (CannotCopy, Unimplemented) as exc:
        host.tell(f"{exc}; terminating the workers of a dead master: pids {pids}")
        return False
    with inheritance:
        if not inheritance.listeners:
            return False
        _record_old_master(service, _session(orphans, host), host)
        with BesideOrphans(service, orphans, host):
            started = launch(service, host, inheritance=inheritance)
    insist(lambda: record_started(service, started, host), host)
    host.tell(f"master {started.master} took over from the workers of a dead master: pids {pids}")
    insist(lambda: drain_orphans(service, host, orphans), host)
    record_leftovers(service, host, dropped=inheritance.dropped)
    tell_wishes(inheritance.configuration, started.master, host)
    return True


def upgrade(service: Service, seen: Snapshot, host: Host) -> None:
    """Finish an unfinished upgrade; then upgrade, unless that has led to the binary on disk.

    The caller holds the lock. Raises what the action ``upgrade`` raises.
    """
    if len(seen.masters) > 1:
        new = finish_takeover(service, seen, host)
        if host.exe_file(new) == host.file_id(service.daemon):
            return
        seen = require_running(service, host)
    terminate_hung(service, seen, host)
    old = seen.masters[-1]
    _refuse_supervised(service, old, host)
    require_permission([old, *host.children(old)], host)
    restore_pidfile(service, seen, host)
    told: list[Configuration] = []

    def ask() -> None:
        reader = surroundings_of_reader(service, old, host, successor=True)
        told.append(ask_configuration(service, host, reader))

    verify_binary(service, old, host, meanwhile=ask)
    (config,) = told
    _refuse_foreseen(service, old, config, host)
    before = read_record(service, host)
    lost = lost_paths_sentence(service, host)

    def replace(old: Process, inheritance: InheritedSockets) -> tuple[Started, list[Process]]:
        try:
            _record_old_master(service, old.pid, host)
        except InitError as exc:
            raise restore(service, old, host, exc, lost) from exc
        return replace_master(service, [old], inheritance, host, lost)

    try:
        inheritance, (started, left) = take_over(service, old, host, replace, config)
    except CannotCopy as exc:
        raise Unimplemented(f"{exc}: use restart or reload to replace the binary") from exc
    conclude(service, inheritance.configuration, left, host)
    record_started(service, started, host)
    helpers = old_helpers(before, started, host)
    record_leftovers(service, host, helpers=helpers, dropped=inheritance.dropped)


def _refuse_foreseen(service: Service, old: Process, config: Configuration, host: Host) -> None:
    """Raise if a new master of that configuration is foreseen to fail beside *old*.

    No signal was sent. Raises ConfigTestFailed if the configuration is wrong; Reverted if
    this host does not allow it now, and the old workers serve; InitError if they do not.
    """

    def looked() -> Foreseen | None:
        nonlocal old
        foreseen = foresee(service, config, old, host, beside=True)
        if foreseen is None:  # a signal from outside has had it execute itself anew
            old = require_running(service, host).masters[-1]
        return foreseen

    what = "a master that does not execute itself anew"
    foreseen = wait_until(looked, within=service.timeout, host=host, what=what)
    why = "; ".join((*foreseen.wrong, *foreseen.refused))
    if foreseen.wrong:
        raise ConfigTestFailed(f"not upgrading, no signal was sent: {why}")
    if foreseen.refused and (lacking := why_not_serving(service, old, host)):
        raise upgrade_failed(InitError, f"No signal was sent, and {lacking}: {why}")
    if foreseen.refused:
        raise upgrade_failed(
            Reverted, f"No signal was sent, the old workers serve as before: {why}"
        )


def replace_master(
    service: Service,
    masters: Sequence[Process],
    inheritance: InheritedSockets,
    host: Host,
    lost: str,
) -> tuple[Started, list[Process]]:
    """Start a new master on the sockets of the last of *masters*; when it serves, retire all.

    lost: what was said before of paths that are lost.

    Returns what was started, and the workers that they have left. Raises Reverted,
    RollbackFailed.
    """
    old = masters[-1]
    try:
        with Launch(service, host, inheritance=inheritance, beside=masters) as new:
            if not inheritance.configuration.pools:  # a pool is ready when a worker has lasted
                verify_master(service, new.master, host, any_binary=True)
            if service.upgrade_check:
                run_check(service, host)
                require_alive(new.master, host)  # the old master may have answered the check
            require_permission(masters, host)  # while the new one can still be undone
            started = new.commit()
            left = retire_others(service, masters, lambda: new.candidates, host)
            return started.replace(master=_survivor(new, host)), left
    except RollbackFailed:
        raise
    except Exception as exc:
        raise restore(service, old, host, failure_of(exc), lost) from exc


def _survivor(new: Launch, host: Host) -> Process:
    """Return the new master: a signal from outside may have replaced it, too.

    Raises RollbackFailed if it has ended: the old one is gone by now.
    """
    try:
        return insist(lambda: new.master, host)
    except InitError as exc:
        raise upgrade_failed(RollbackFailed, f"{exc}") from exc


def reload(service: Service, master: Process, host: Host) -> None:
    """Reload by an upgrade to a master with the new configuration: no request is cut.

    The caller holds the lock. Raises Unimplemented if *master* cannot be taken over, and
    what ``upgrade`` raises.
    """
    await_launcher(master, host)
    try:
        _refuse_supervised(service, master, host)
    except Unimplemented as exc:
        raise Unimplemented(
            f"master {master} is supervised or in the foreground, and cannot be taken over: "
            "RELOAD=signal in the settings reloads it by a signal"
        ) from exc
    upgrade(service, take_snapshot(service, host), host)


def _record_old_master(service: Service, pid: int, host: Host) -> None:
    """Write the old master's pid to the .oldbin file: the next action learns it from there."""
    host.write(service.oldbin, f"{pid}\n")


def _session(orphans: Sequence[Process], host: Host) -> int:
    """Return the session of *orphans*, or 0. Its number is the pid of their first master."""
    return next(filter(None, (host.session(orphan.pid) for orphan in orphans)), 0)


def _refuse_supervised(service: Service, old: Process, host: Host) -> None:
    """Raise Unimplemented if a supervisor started *old*: it would not know the new master."""
    if unit := supervising_unit(service, old, host):
        raise Unimplemented(f"systemd supervises master {old}: use systemctl restart {unit}")
    try:
        wait_until(
            lambda: not why_in_foreground(service, old, host),
            within=EXECUTING,
            host=host,
            what=f"master {old} to go to the background",
        )
    except WaitTimeout as exc:
        raise Unimplemented(
            f"{why_in_foreground(service, old, host)}: "
            "use reload, or restart it through its supervisor, to replace the binary"
        ) from exc
