"""Upgrade by ``.oldbin``: nginx, OpenResty, tengine (nginx.org, control.html).

                USR2             new master writes its pid      QUIT
        PENDING ----> HANDOVER -----------------------> BOTH -------> done, old master gone
                         | new master dies               | check fails, workers die, deadline
                         v                               v
                      REVERTED                         rollback: stop the new one, old serves

The old master renames its pidfile to ``.oldbin`` and executes the binary on
disk, which inherits the sockets. Both serve until the old one is let go. If
the new one ends, the old one puts the pidfile back by itself.
"""

from __future__ import annotations

from ..control.drain import drain
from ..control.upgrade_children import end_intruders
from ..errors import InitError, RollbackFailed, WaitTimeout
from ..host import HERE, Host, Process
from ..host.wait import wait_until
from ..schedule import signal_named
from ..service import Service
from ..state.pidfile import read_pidfile
from ..state.snapshot import proven, survey
from ..state.workers import serving_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
IGNORED = 1.0  # seconds after which a master that sleeps has ignored USR2


class Phase:
    """Where an upgrade is."""

    PENDING = "pending"  # the old master has not done anything yet
    HANDOVER = "handover"  # it has renamed its pidfile; the new one has not written its own
    BOTH = "both"  # both are up
    REVERTED = "reverted"  # the new one has ended, and the old one has taken its pidfile back
    LOST = "lost"  # the old master is dead


def phase(
    old: Process,
    alive: bool,
    pidfile: Process | None,
    oldbin: Process | None,
    moved: bool,
) -> str:
    """Tell where an upgrade is. A pure function: the whole protocol is here.

    old:     the master that was sent USR2; *alive* if it still is.
    pidfile: the master that the pidfile names, if any.
    oldbin:  the master that the .oldbin file names, if any.
    moved:   whether the pidfile is there and has been renamed since USR2. A
             binary that cannot even start is gone again within 5 ms: too soon
             for us to have seen its .oldbin.
    """
    if not alive:
        return Phase.LOST
    if oldbin == old:
        return Phase.BOTH if pidfile not in (None, old) else Phase.HANDOVER
    if pidfile == old and moved:
        return Phase.REVERTED
    return Phase.PENDING


def wait_for_oldbin(
    service: Service,
    old: Process,
    host: Host = HERE,
    *,
    before: tuple[int, int] | None = None,
) -> Process:
    """Wait until the new master has written its pidfile, and return it, proven.

    old:    the master that has been sent USR2.
    before: ``host.version`` of the pidfile before that; a binary that fails at
            once is then noticed at once.

    Raises InitError when the old master has taken its pidfile back, has
    ignored the signal, or is dead; WaitTimeout after the upgrade's timeout.
    """
    before = before or host.version(service.pidfile)
    sent = host.monotonic()

    def handed_over() -> Process | None:
        # The version first: read last, a handover just begun passes for a failure.
        version = host.version(service.pidfile)
        oldbin = proven(service, read_pidfile(service.oldbin, host), host)
        pidfile = proven(service, read_pidfile(service.pidfile, host), host)
        moved = version not in (None, before)
        now = phase(old, host.find(old.pid) == old, pidfile, oldbin, moved)
        if now == Phase.BOTH:
            return pidfile
        if now == Phase.LOST:
            raise InitError(f"old master {old} died")
        if now == Phase.REVERTED:
            raise InitError(f"the new {service.daemon} ended before it was up")
        if now == Phase.PENDING and host.monotonic() - sent >= IGNORED and _idle(old, host):
            raise InitError(
                f"master {old} ignored USR2: its parent still runs (a supervisor, or "
                "daemon off), or an older master has not ended"
            )
        return None

    return wait_until(
        handed_over,
        within=service.upgrade_timeout,
        host=host,
        what=f"the new {service.daemon} to write {service.pidfile}",
        interruptible=True,
    )


def rollback(service: Service, old: Process, host: Host) -> None:
    """End the new master and whatever it has started; return when the old one serves alone.

    When the new one goes, nginx puts the pidfile back by itself. Not to be
    interrupted. Raises RollbackFailed.
    """
    try:
        _see(lambda: _at_rest(old, host), service, host, "it to take what it was sent")
        new = proven(service, read_pidfile(service.pidfile, host), host)
        if new not in (None, old) and not serving_workers(service, old, host):
            # The old one was told WINCH. While the new one lives, HUP makes it start its
            # workers again without reading its configuration (ngx_master_process_cycle).
            host.kill(old, signal_named("HUP"))
            _see(lambda: bool(serving_workers(service, old, host)), service, host, "its workers")
        end_intruders(service, old, host)
        # A new master that was killed has left its workers behind, and they accept.
        orphans = survey(service, host, thorough=True).orphans
        drain(service, orphans, host, what="workers of the dead new master")
        _see(lambda: _alone(service, old, host), service, host, f"{service.pidfile} to name it")
    except WaitTimeout as exc:
        raise RollbackFailed(f"the old master {old} is not back either: {exc}") from exc


def _alone(service: Service, old: Process, host: Host) -> bool:
    if host.find(old.pid) != old:
        raise RollbackFailed(f"the old master {old} is dead too")
    named = proven(service, read_pidfile(service.pidfile, host), host)
    oldbin = proven(service, read_pidfile(service.oldbin, host), host)
    return named == old and oldbin is None and bool(serving_workers(service, old, host))


def _see(probe: Callable[[], bool], service: Service, host: Host, what: str) -> None:
    wait_until(probe, within=service.timeout, host=host, what=what)


def _at_rest(old: Process, host: Host) -> bool:
    """Tell whether *old* has done whatever it was told; a dead one has.

    One that has not taken USR2 yet would upgrade itself behind our back.
    """
    return host.find(old.pid) != old or (_idle(old, host) and _idle(old, host))


def _idle(master: Process, host: Host) -> bool:
    """Tell whether *master* sleeps and has no signal waiting: it did what it wants to do."""
    facts, masks = host.look(master.pid), host.signals(master)
    return facts is not None and facts.state == "S" and masks is not None and not masks.pending
