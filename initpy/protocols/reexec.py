"""Reload by a signal: the master ends its workers and executes its binary again.

It writes its pidfile again and starts new workers. In the background its pid changes,
in the foreground it does not. If it does not come up again, nothing serves.
"""

from __future__ import annotations

from ..control.ask import ask_configuration
from ..control.configtest import surroundings_of_reader
from ..control.error_log import mark_logs, told_since
from ..control.pidfiles import remove_stale_pidfiles, restore_pidfile
from ..control.ready import await_started, why_not_serving, workers_awaited
from ..control.record import record_started, write_record
from ..control.signals import killproc, terminate
from ..control.stable import wait_until_stable
from ..control.starting.launch import launch
from ..errors import (
    ConfigTestFailed,
    InitError,
    NotPermitted,
    NotRunning,
    Reverted,
    Unimplemented,
    WaitTimeout,
)
from ..host import Host, Process
from ..host.wait import wait_until
from ..service import Service, resolve
from ..signal_names import signal_named
from ..state.idle import why_stuck
from ..state.snapshot import named_master
from ..state.workers import Readiness, needed_pools, ready_workers, stopped_accepting
from .foresight.trials import Foreseen, foresee
from .sockets.wishes import tell_wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ..contracts import Configuration, Reload
    from ..control.error_log import LogMark

# While a master goes to the background its pidfile names no process for a moment.
ABSENCE = 0.5  # seconds; a master that is absent for longer is dead


def reload(service: Service, master: Process, host: Host) -> None:
    """Send the reload signal to *master*; return when new workers of every pool serve.

    The caller holds the lock and has tested the configuration. No signal is sent if the
    reload is foreseen to fail: then ConfigTestFailed or Reverted is raised. Where a host name
    has no address at the moment, the service is reloaded by a takeover. A service that
    dies in the reload is started again, and InitError is raised.
    """
    ends = host.monotonic() + service.timeout
    while not _reload(service, master, host):
        if host.monotonic() > ends:
            raise WaitTimeout("a master that does not execute itself anew", service.timeout)
        master = _successor(service, master, host)


def _reload(service: Service, master: Process, host: Host) -> bool:
    """Reload *master*; False if no signal was sent, since it ends or executes itself anew."""
    # Otherwise the first workers of a master that is still starting would count as the
    # new workers of this reload.
    if not await_started(service, master, host):
        return False
    before = host.version(service.pidfile)
    config = ask_configuration(service, host, surroundings_of_reader(service, master, host))
    if stuck := why_stuck(master, host):
        raise InitError(f"master {master} is {stuck}: no signal was sent")
    foreseen = foresee(service, config, master, host)
    if foreseen is None:
        return False
    if _refuse_or_take_over(service, master, foreseen, host):
        return True
    if config.reload_cuts:
        host.tell(
            f"requests in flight are cut: {config.reload_cuts}. "
            "upgrade loads a new configuration, too, and cuts none"
        )
    old, logs = ready_workers(service, master, host), mark_logs(service, host, config)
    if not _signal(service, master, host):
        return False
    try:
        up = _comes_up(service, master, old, before, config, host)
    finally:
        named = named_master(service, service.pidfile, host)
        if named and host.version(service.pidfile) != before:
            # Also if a pool does not serve: the next action knows by it which do not.
            write_record(service, named, host, pools=config.pools)
    if not up:
        start_again(service, logs, host)
    elif named:
        tell_wishes(config, named, host)
    return True


def _signal(service: Service, master: Process, host: Host) -> bool:
    """Send the reload signal; False if *master* is gone, or executes itself anew already."""
    assert isinstance(service.reload, str)
    try:
        killproc(master, signal_named(service.reload), host=host)
    except NotPermitted:
        raise
    except InitError as exc:
        host.explain(f"no signal was sent: {exc}")
        return False
    return True


def _comes_up(
    service: Service,
    master: Process,
    old: Collection[Process],
    before: tuple[int, int] | None,
    config: Configuration,
    host: Host,
) -> bool:
    """Return when new workers of every pool serve; False if there is no master any more.

    old:    the workers that served when *master* was signalled.
    before: the version of its pidfile by then.
    """
    pools = needed_pools(service, config.pools)
    readiness = Readiness(service, pools, host, old=old)
    absent: list[float] = []

    def renewed() -> bool:
        named = named_master(service, service.pidfile, host)
        if named is None and not host.alive(master):
            absent.append(host.monotonic())
            return absent[-1] - absent[0] >= ABSENCE
        absent.clear()
        # In the background a child of the old process becomes the master, and the old
        # process then exits.
        exiting = named != master and host.alive(master)
        if named is None or exiting or not stopped_accepting(service, old, host):
            return False
        if not pools and host.version(service.pidfile) in (None, before):
            return False
        return readiness.look(named)

    wait_until(
        renewed,
        within=service.timeout + config.reload_drain,
        host=host,
        what=lambda: _awaited(service, readiness, host),
        due=lambda: readiness.due,
    )
    return not absent


def _successor(service: Service, master: Process, host: Host) -> Process:
    """Return what *master* has become: a signal from outside has it execute itself anew.

    In the foreground it stays the same process. Raises NotRunning if it has ended.
    """
    assert isinstance(service.reload, str)
    taken = 1 << signal_named(service.reload) - 1

    def decided() -> bool:
        masks = host.signals(master)
        return not host.alive(master) or (masks is not None and bool(masks.caught & taken))

    wait_until(decided, within=service.timeout, host=host, what=f"master {master} to be up")
    if host.alive(master):
        return master
    seen = wait_until_stable(service, host)
    if seen.master is None:
        raise NotRunning(f"not running: master {master} has just ended")
    return seen.master


def _refuse_or_take_over(service: Service, master: Process, foreseen: Foreseen, host: Host) -> bool:
    """Raise if the reload is foreseen to fail; tell whether the service was taken over instead.

    A takeover does it where it cannot be foreseen: if it fails, the old master serves on.
    """
    if foreseen.wrong:
        why = "; ".join((*foreseen.wrong, *foreseen.refused))
        raise ConfigTestFailed(f"not reloading, no signal was sent: {why}")
    if not foreseen.refused and foreseen.unresolved and service.takeover is not None:
        take_over: Reload = resolve(service.takeover)
        try:
            take_over(service, master, host)
        except Unimplemented as exc:
            host.explain(f"it is not taken over: {exc}")
        else:
            return True
    if foreseen.refused or foreseen.unresolved:
        why = "; ".join((*foreseen.refused, *foreseen.unresolved))
        if lacking := why_not_serving(service, master, host):
            raise InitError(f"reload failed, no signal was sent, and {lacking}: {why}")
        raise Reverted(f"reload failed, no signal was sent, the old workers serve as before: {why}")
    return False


def start_again(service: Service, logs: Mapping[str, LogMark], host: Host) -> None:
    """Restore the pidfile of a master that it does not name, or start one. Raises InitError.

    logs: where the reason is why it has ended: ``mark_logs`` before the signal.
    """
    seen = wait_until_stable(service, host)
    if seen.master is not None:  # it serves; its configuration names another pidfile
        restore_pidfile(service, seen, host)
        return
    told = told_since(logs)
    why, output = f": {told.reason}" if told.reason else "", "\n".join(told.lines)
    died = f"{service.name} died during the reload"
    if seen.orphans and _recover_orphans(service, seen.orphans, host):
        raise InitError(f"{died}, and a new master took over from its workers{why}", output)
    terminate(seen.orphans, service.stop, host, what="workers of a dead master")
    remove_stale_pidfiles(service, host)
    try:
        started = launch(service, host)
    except InitError as exc:
        served = seen.unjudged_sentence or "nothing serves"
        raise InitError(f"{died} and cannot be started again, {served}: {exc}", exc.output) from exc
    record_started(service, started, host)
    but = f", but no worker of pool {', '.join(started.idle)} lives" if started.idle else ""
    raise InitError(f"{died} and was started again{but}{why}", output)


def _recover_orphans(service: Service, orphans: Sequence[Process], host: Host) -> bool:
    """Have a new master take over from the workers of one that was killed, if that can be."""
    from .takeover import recover

    try:
        return recover(service, orphans, host)
    except InitError as exc:
        raise InitError(f"{service.name} died during the reload: {exc}", exc.output) from exc


def _awaited(service: Service, readiness: Readiness, host: Host) -> str:
    named = named_master(service, service.pidfile, host)
    return workers_awaited(readiness, named) if named else f"{service.name} to come up again"
