"""Restart: a new master takes the place of the old one on its listening sockets.

    old master serves -> both serve -> old master gone, its workers finish

The new master has the configuration, the environment and the surroundings of a start. It
inherits copies of the old one's sockets, so that none is closed for a moment: no
connection is refused, and no other program can take a port. If it does not come up, the
old master serves as before.

A socket that the configuration wants with another address or option, and that excludes
what it wants, has to go first: the old master is ended and its workers finish, while the
other sockets are held; then the new one is started.
"""

from __future__ import annotations

from ..control.drain import finishing_by_stop, retire
from ..control.pidfiles import lost_paths_sentence, remove_stale_sockets
from ..control.record import record_leftovers, record_started
from ..control.signals import require_permission, terminate
from ..control.stable import await_launcher, why_in_foreground
from ..control.starting.launch import launch
from ..control.starting.started import refuse_idle_pools
from ..control.units import supervising_unit
from ..errors import (
    UPGRADE_FAILED,
    InitError,
    NotPermitted,
    Reverted,
    RollbackFailed,
    Unimplemented,
    WaitTimeout,
)
from ..host import CannotCopy, Host, Listener, Process, pids_of
from ..host.wait import insist, wait_until
from ..service import Service
from ..signal_names import signal_named
from ..state.record import read_record
from ..state.scan import processes_with
from ..state.sockets import held_sockets
from .handover import conclude, old_helpers, take_over, terminate_hung
from .sockets.excluded import excluded
from .sockets.inherit import InheritedSockets
from .sockets.wishes import unmet_sockets
from .takeover import replace_master

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ..control.starting.started import Started
    from ..state.snapshot import Snapshot


def restart(service: Service, seen: Snapshot, host: Host) -> bool:
    """Replace the master, and let the old workers finish by the schedule ``stop``.

    See ``contracts.Restart``. It is False in the middle of an upgrade by somebody else, for
    a master that is supervised, and where its sockets cannot be copied.
    """
    old = seen.master
    if old is None or seen.handover:
        return False
    await_launcher(old, host)
    if why := _why_plainly(service, old, host):
        host.explain(f"it is stopped, then started: {why}")
        return False
    try:
        require_permission([old, *host.children(old)], host)
    except NotPermitted as exc:
        if not service.channel:
            raise
        host.tell(f"it is stopped, then started: {exc}")
        return False
    terminate_hung(service, seen, host)
    before = read_record(service, host)
    # No upgrade: what a new binary has to prove is proven by a start, and as long as that takes.
    starting = finishing_by_stop(service).replace(upgrade_check=(), upgrade_timeout=service.timeout)
    remove_stale_sockets(service, host)

    def replace(old: Process, sockets: InheritedSockets) -> tuple[Started, list[Process]]:
        _require_all_copied(old, sockets, host)
        others = [one for one in seen.masters if one != seen.master]
        return _replace(starting, [*others, old], sockets, host)

    try:
        try:
            sockets, (started, left) = take_over(starting, old, host, replace, fresh=True)
        except (CannotCopy, Unimplemented) as exc:
            host.tell(f"it is stopped, then started: {exc}")
            return False
        insist(lambda: record_started(service, started, host), host)
        conclude(starting, sockets.configuration, left, host)
    except (Reverted, RollbackFailed) as exc:
        why = str(exc).removeprefix(UPGRADE_FAILED)
        raise InitError(f"restart failed: {why}", exc.output) from exc
    helpers = old_helpers(before, started, host)
    record_leftovers(service, host, helpers=helpers, dropped=sockets.dropped)
    refuse_idle_pools(started)
    return True


def _why_plainly(service: Service, master: Process, host: Host) -> str:
    """Return why no other master can take the place of *master*, or ""."""
    if unit := supervising_unit(service, master, host):
        return f"systemd supervises master {master} (unit {unit})"
    if host.listening_sockets() is not None and not held_sockets(master, host):
        return f"master {master} listens on nothing any more"  # it was told to end
    return why_in_foreground(service, master, host)


def _require_all_copied(old: Process, sockets: InheritedSockets, host: Host) -> None:
    """Raise CannotCopy if *old* keeps a socket that the new master would have to bind itself.

    Sockets that another user has created are not copied (``Host.copy_listeners``).
    """
    held = host.socket_inodes(old)
    for one in host.listening_sockets() or ():
        if one.inode in held and one.inode not in sockets.inodes:
            raise CannotCopy(f"the socket {one.place} of master {old} is another user's")


def _replace(
    service: Service, masters: Sequence[Process], sockets: InheritedSockets, host: Host
) -> tuple[Started, list[Process]]:
    """Start a new master; return what was started, and the workers that *masters* have left."""
    config = sockets.configuration
    excluding = excluded(sockets.listeners, config, host)
    unmet = unmet_sockets(config, masters[-1], host)
    excluding = [one for one in sockets.listeners if one in excluding or one.inode in unmet]
    if not excluding:
        lost = lost_paths_sentence(service, host)
        return replace_master(service, masters, sockets, host, lost)
    places = ", ".join(dict.fromkeys(one.place for one in excluding))
    _refuse_strangers(masters, excluding, places, host)
    host.tell(f"{places} is closed and bound anew, as the configuration wants it")

    def retired(master: Process) -> list[Process]:
        return insist(lambda: retire(service, master, host), host)

    # From here on nothing serves new requests until the new master does.
    left = [worker for master in masters for worker in retired(master)]
    sockets.give_up(excluding)
    try:
        insist(lambda: _await_closed(service, left, excluding, host), host)
    except WaitTimeout as exc:
        host.tell(f"{exc}: they are ended")
        insist(lambda: terminate(left, service.stop, host, what="old workers"), host)
    # Without sockets to inherit it is started as usual.
    inheritance = sockets if sockets.listeners else None
    try:
        return insist(lambda: launch(service, host, inheritance=inheritance), host), left
    except InitError as exc:
        late = [worker for worker in left if host.alive(worker)]
        finish = f", workers {pids_of(late)} only finish their requests" if late else ""
        why = f"restart failed, the old master has ended{finish}: {exc}"
        raise InitError(why, exc.output) from exc


def _refuse_strangers(
    masters: Sequence[Process], excluding: Sequence[Listener], places: str, host: Host
) -> None:
    """Raise InitError if a process that is no worker has one of these sockets, and keeps it."""
    parents = {master.pid for master in masters}
    for process in processes_with({one.inode for one in excluding}, host):
        # By its parent: a worker may have been forked, or have ended, since any list of workers.
        facts = host.look(process.pid)
        foreign = facts and facts.process == process and facts.ppid not in parents
        if foreign and process not in masters:
            raise InitError(
                f"not restarting: pid {process} ({host.title(process.pid)[:60]}) has the socket "
                f"{places}, which has to be closed: end it first"
            )


def _await_closed(
    service: Service, workers: Collection[Process], excluding: Sequence[Listener], host: Host
) -> None:
    """Have *workers* finish; return when they do not listen on those sockets any more."""
    inodes = {one.inode for one in excluding}
    for worker in workers:
        host.kill(worker, signal_named(service.drain_signal))

    def closed() -> bool:
        held = (host.socket_inodes(worker) for worker in workers if host.alive(worker))
        return all(inodes.isdisjoint(its) for its in held)

    what = f"the old workers to close {', '.join(one.place for one in excluding)}"
    wait_until(closed, within=service.timeout, host=host, what=what)
