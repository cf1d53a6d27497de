"""Finish a takeover that a killed script has left: more than one master, or one that starts."""

from __future__ import annotations

from ..control.ask import ask_configuration
from ..control.configtest import surroundings_of_reader
from ..control.drain import drain_orphans, leave_to_finish, retire
from ..control.pidfiles import lost_paths_sentence, write_pidfile
from ..control.signals import resume
from ..errors import failure_of
from ..host import Host, Process
from ..host.wait import insist
from ..service import Service
from ..state.snapshot import Snapshot
from .handover import conclude, name_master, newest, restore, retire_others
from .verify import require_alive, run_check, verify_master

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def finish(service: Service, seen: Snapshot, host: Host) -> None:
    """Finish an unfinished upgrade. The newest master may run any binary.

    Raises Reverted if the newest master does not serve; RollbackFailed.
    """
    finish_takeover(service, seen, host, any_binary=True)


def finish_restart(service: Service, seen: Snapshot, host: Host) -> None:
    """Finish a restart in which two masters are left. An upgrade is left to ``upgrade``.

    Raises what ``finish`` raises.
    """
    if started_beside(seen, host):
        finish_takeover(service, seen, host, any_binary=True, what="restart")


def started_beside(seen: Snapshot, host: Host) -> bool:
    """Tell whether the newest master was started beside others, in a restart, and not by one."""
    new = newest(seen.masters)
    facts = host.look(new.pid)
    others = {master.pid for master in seen.masters if master != new}
    return bool(others) and facts is not None and facts.ppid not in others


def finish_takeover(
    service: Service,
    seen: Snapshot,
    host: Host,
    *,
    any_binary: bool = False,
    what: str = "upgrade",
) -> Process:
    """Verify the newest master and retire all others; return the newest.

    A killed script has left more than one master, or one that is starting.

    any_binary: do not require the binary on disk.
    what:       which action was under way, for messages.

    Raises Reverted if the newest master does not serve; RollbackFailed.
    """
    new = newest(seen.masters)
    resume(new, host)  # a killed script may have suspended it
    if len(seen.masters) == 1:  # the new master never came up
        write_pidfile(service.pidfile, new, host)
        drain_orphans(service, host)
        return new
    old = [master for master in seen.masters if master != new]
    new = _finish(service, new, old, host, any_binary=any_binary)
    host.tell(f"finished the {what} that was under way: master {new} serves")
    return new


def _finish(
    service: Service,
    new: Process,
    old: Sequence[Process],
    host: Host,
    *,
    any_binary: bool = False,
) -> Process:
    """Verify the newest of several masters, then retire the others; or retire it instead.

    Return the master that serves: a signal from outside may have had the newest one execute
    itself anew, as another process.
    """
    config = ask_configuration(service, host, surroundings_of_reader(service, new, host))
    lost = lost_paths_sentence(service, host)
    try:
        verify_master(service, new, host, pools=config.pools, any_binary=any_binary)
        if service.upgrade_check:
            run_check(service, host)
            require_alive(new, host)  # the old master may have answered the check
    except Exception as exc:
        left = insist(lambda: retire(service, new, host), host)
        leave_to_finish(service, left, host, what="new workers")
        raise restore(service, old[0], host, failure_of(exc), lost) from exc
    name_master(service, new, host, old=old)
    left = retire_others(service, old, lambda: [new] if host.alive(new) else [], host)
    return conclude(service, config, left, host)
