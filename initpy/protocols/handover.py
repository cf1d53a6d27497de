"""The steps of a takeover: it is tried, and the old masters are retired, or one is restored."""

from __future__ import annotations

from ..control.drain import drain_orphans, retire
from ..control.pidfiles import lost_paths_sentence, write_pidfile
from ..control.ready import is_serving
from ..control.record import METHODS
from ..control.signals import terminate
from ..control.stable import wait_until_stable
from ..errors import InitError, NotRunning, Reverted, RollbackFailed, WaitTimeout, upgrade_failed
from ..host import Host, Process, pids_of
from ..host.wait import insist, wait_until
from ..schedule import parse_schedule
from ..service import Service
from ..state.snapshot import named_master
from .sockets.inherit import InheritedSockets, copy_sockets
from .sockets.wishes import tell_wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from ..contracts import Configuration
    from ..control.starting.started import Started
    from ..state.record import Record
    from ..state.snapshot import Snapshot

# While a master executes itself anew, and goes to the background, a look may find none.
RESTORED = 3.0  # seconds; an old master that is absent, or idle, for longer does not serve


def take_over(
    service: Service,
    old: Process,
    host: Host,
    replace: Callable[[Process, InheritedSockets], tuple[Started, list[Process]]],
    config: Configuration | None = None,
    *,
    fresh: bool = False,
) -> tuple[InheritedSockets, tuple[Started, list[Process]]]:
    """Copy the sockets of *old*, and replace it. Return the copies, closed, and what *replace* has.

    A signal from outside may have *old* execute itself anew meanwhile, with sockets that were
    not copied and that the new master cannot make beside it. Then it is tried again.

    config, fresh: as of ``copy_sockets``.
    """
    ends = host.monotonic() + service.upgrade_timeout
    host.load("glob", "pipes_between", "socket_access", *METHODS)  # not after the first signal
    while True:
        old, sockets = copy_sockets(service, old, host, config, fresh=fresh)
        try:
            with sockets:
                return sockets, replace(old, sockets)
        except Reverted as exc:
            seen = wait_until_stable(service, host)
            if host.alive(old) or seen.master is None or host.monotonic() > ends:
                raise
            host.explain(f"master {old} has executed itself anew, as {seen.master}: {exc}")
            old, config = seen.master, None  # it has read another one, perhaps


def retire_others(
    service: Service, old: Iterable[Process], kept: Callable[[], Collection[Process]], host: Host
) -> list[Process]:
    """Retire the *old* masters, and every other that is not *kept*; return their workers.

    kept: returns what lives and is the new master, or may become it.

    A signal from outside may have an old master execute itself anew, as another process:
    so it is looked again, until there is none. If none of those *kept* is there any more, the
    newest master is: it is what one of them has become, or all that serves. Raises
    RollbackFailed.
    """
    left: list[Process] = []
    others = list(old)
    ends = host.monotonic() + service.upgrade_timeout

    def retire_all() -> None:
        nonlocal left, others
        while others:
            if host.monotonic() > ends:
                raise WaitTimeout("the last old master to end", service.upgrade_timeout)
            for master in others:
                left += retire(service, master, host)
            seen, family = _with_new_master(service, kept, host)
            others = [one for one in seen.masters if one not in family]
            others += _hung(set(seen.starting) - family, family, host)

    try:
        insist(retire_all, host)  # two masters serve
    except InitError as exc:
        why = f"an old master is perhaps left: {exc}"
        raise upgrade_failed(RollbackFailed, why) from exc
    return left


def _with_new_master(
    service: Service, kept: Callable[[], Collection[Process]], host: Host
) -> tuple[Snapshot, set[Process]]:
    """Look until one of those *kept* is seen as a master, or none can be; return who is kept."""
    looks = 0

    def look() -> tuple[Snapshot, set[Process]] | None:
        nonlocal looks
        looks += 1
        seen = wait_until_stable(service, host, thorough=True)
        family = set(kept())
        if seen.masters and family.isdisjoint(seen.masters):
            # Who executes himself anew, as another process, may be missed once by any list.
            if (looks == 1 and not seen.starting) or family - set(seen.starting):
                return None
            family.add(newest(seen.masters))
        return seen, family

    within, what = service.upgrade_timeout, "the new master, which executes itself anew, to be up"
    return wait_until(look, within=within, host=host, what=what)


def newest(masters: Iterable[Process]) -> Process:
    """Return that of the *masters* which was started last."""
    return max(masters, key=lambda master: (master.started, master.pid))


def _hung(starting: Collection[Process], family: Collection[Process], host: Host) -> list[Process]:
    """Return those that hang as they start, or execute themselves anew, on the service's sockets.

    family: whose sockets they are. Another process that starts the daemon has none of them.
    """
    if not starting:
        return []
    held = set().union(*map(host.socket_inodes, family))
    return [one for one in starting if not held.isdisjoint(host.socket_inodes(one))]


def terminate_hung(service: Service, seen: Snapshot, host: Host) -> None:
    """End what hangs as it starts on the sockets of the service, since a script was killed."""
    hung = _hung(seen.starting, seen.masters, host)
    terminate(hung, parse_schedule("KILL/5"), host, what=f"{service.name} that hangs")


def conclude(
    service: Service, config: Configuration, left: Sequence[Process], host: Host
) -> Process:
    """Tell the old workers to finish; then see one master, which the pidfile names. Return it."""
    try:
        seen = insist(lambda: drain_orphans(service, host, left), host)
        if (master := seen.master) is None:
            raise NotRunning("not running: the new master has ended")
        insist(lambda: name_master(service, master, host), host)
    except InitError as exc:
        raise upgrade_failed(RollbackFailed, f"{exc}") from exc
    if not lost_paths_sentence(service, host):  # otherwise the action has them bound anew
        _see_paths(config, master, host)
    tell_wishes(config, master, host)
    return master


def old_helpers(before: Record | None, started: Started, host: Host) -> list[Process]:
    """Return what the old master's start had left running: the new one has helpers of its own."""
    kept = {started.master, *started.helpers, *host.children(started.master)}
    old = [one for one in before.members if one not in kept] if before else []
    return [one for one in old if host.alive(one)]


def restore(service: Service, old: Process, host: Host, why: InitError, lost: str) -> InitError:
    """See the old master serve, named by the pidfile, after the new one has ended.

    A signal from outside may have had it execute itself anew, as another process.

    lost: what was said before the upgrade of unix sockets whose paths are lost.

    Returns the error to raise: Reverted if it serves as before, RollbackFailed otherwise.
    """
    try:
        master = insist(lambda: _see_restored(service, old, host, lost), host)
    except InitError as exc:
        return upgrade_failed(RollbackFailed, f"{why}; and {exc}")
    return upgrade_failed(Reverted, f"{why}; old master {master} serves as before", why.output)


def _see_restored(service: Service, old: Process, host: Host, lost: str) -> Process:
    """Return the master that serves, when it serves alone. Raises InitError."""
    seen = wait_until_stable(service, host, thorough=True)

    def serves() -> bool:
        nonlocal seen
        seen = wait_until_stable(service, host, thorough=True)
        if seen.master is None or seen.old_master or seen.others:
            return False
        return is_serving(service, seen.master, host)

    try:
        wait_until(serves, within=RESTORED, host=host, what=f"old master {old} to serve")
    except WaitTimeout as exc:
        if seen.old_master or seen.others:
            raise InitError(f"masters {pids_of(seen.masters)} are left: use start") from exc
        end = "does not serve either" if seen.master else "is dead too"
        if seen.orphans and not seen.master:
            end = f"{end}, its workers are left: use start"
        raise InitError(f"old master {seen.master or old} {end}") from exc
    master = drain_orphans(service, host).master or old
    name_master(service, master, host)
    # On TERM or QUIT from outside the new master has removed them.
    if (now := lost_paths_sentence(service, host)) not in ("", lost):
        raise InitError(f"old master {master} runs, but {now}: use start")
    return master


def name_master(
    service: Service, master: Process, host: Host, *, old: Collection[Process] = ()
) -> None:
    """Have the pidfile name *master*, if it names none, or one of the *old* masters.

    Another one is what *master* has become meanwhile: it has executed itself anew, by a
    signal from outside, and has written its pidfile.
    """
    if named_master(service, service.pidfile, host) in (None, *old):
        write_pidfile(service.pidfile, master, host)


def _see_paths(config: Configuration, new: Process, host: Host) -> None:
    """Raise RollbackFailed if the path of a unix socket is gone: no client could connect.

    If someone else sends QUIT or TERM to the old master, it removes these paths. For where
    the kernel does not tell of sockets: elsewhere ``lost_paths_sentence`` knows it.
    """
    gone = [place for place in config.listens if place.startswith("/") and not host.exists(place)]
    if gone:
        raise upgrade_failed(
            RollbackFailed, f"Master {new} serves, but {', '.join(gone)} is gone: restart"
        )
