"""Wait for the new master that an old one starts, or for the end of that.

old master        first pidfile    second pidfile, in the meantime
renames it        the new one's    the old one's: ``.oldbin``
keeps it          the old one's    the new one's, who renames it when the old one is gone
"""

# Renamed by nginx, and by unicorn; kept by gunicorn: Arbiter.start, maybe_promote_master.

from __future__ import annotations

from ...errors import InitError, Unimplemented
from ...host import HERE, Host, Process, ProcessFacts
from ...host.wait import wait_until
from ...service import Service
from ...signal_names import signal_named
from ...state.identity import INFANCY
from ...state.idle import is_idle
from ...state.phase import Phase, phase, phase_of_kept
from ...state.snapshot import named_master
from ...state.titles import is_worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MARGIN = 0.1  # seconds between a signal and the first look, at most; a start is dated in ticks


def wait_for_oldbin(
    service: Service,
    old: Process,
    host: Host = HERE,
    *,
    before: tuple[int, int] | None = None,
) -> Process:
    """Wait until the new master has written its pidfile; return the new master.

    old:    the master that got USR2.
    before: ``host.version`` of the pidfile before USR2. With it, a new binary that ends
            at once is noticed at once.

    Raises InitError if the new master has ended, or if the old one has ignored USR2 or is
    dead; Unimplemented if it ignores USR2 in the foreground; WaitTimeout after
    ``upgrade_timeout``; Interrupted.
    """
    look = _looker(service, old, before or host.version(service.pidfile), host)
    path = service.oldbin if service.second_is_new else service.pidfile
    idle = nudged = False  # seen at an earlier look

    def handed_over() -> Process | None:
        nonlocal idle, nudged
        now, new = look(idle)
        if now == Phase.BOTH:
            return new
        if now == Phase.LOST:
            raise InitError(f"old master {old} died")
        if now == Phase.REVERTED:
            raise InitError(f"the new {service.daemon} ended before it was up")
        if now == Phase.PENDING and idle and nudged:
            raise _ignored(service, old, host)
        if now == Phase.PENDING and idle:
            # In the turn of its loop in which it refuses a HUP, nginx skips a USR2, and
            # does it at the next signal (ngx_master_process_cycle): CHLD is harmless.
            nudged = True
            host.kill(old, signal_named("CHLD"))
        # Looked at last: what it has done before it was idle is seen at the next look, as a whole.
        idle = now == Phase.PENDING and is_idle(old, host)
        return None

    return wait_until(
        handed_over,
        within=service.upgrade_timeout,
        host=host,
        what=f"the new {service.daemon} to write {path}",
        interruptible=True,
    )


def _looker(
    service: Service, old: Process, before: tuple[int, int] | None, host: Host
) -> Callable[[bool], tuple[str, Process | None]]:
    """Return what looks where the upgrade is: its phase, and the new master if it is up.

    It is told whether the old master was idle before this look.
    """
    started: set[Process] = set()  # what the old one has executed since
    began = host.monotonic()

    def may_execute(child: ProcessFacts) -> bool:
        """Tell whether a child was forked since the signal, and may execute the binary yet."""
        if not child.forked or (service.worker_titles and is_worker(service, child.title)):
            return False
        return host.age(child.process) <= min(host.monotonic() - began + MARGIN, INFANCY)

    def renamed(idle: bool) -> tuple[str, Process | None]:
        # The version first: read last, a rename between the reads would look like a revert.
        # So does one under way: it sets the ctime of the file before the file has its new
        # name (ext4_rename, before d_move), and milliseconds may lie between. A master that
        # was idle has done with it.
        version = host.version(service.pidfile)
        oldbin = named_master(service, service.oldbin, host)
        pidfile = named_master(service, service.pidfile, host)
        moved = idle and version not in (None, before)
        return phase(old, host.alive(old), pidfile, oldbin, moved), pidfile

    def kept(_: bool) -> tuple[str, Process | None]:
        facts = [it for one in host.children(old) if (it := host.look(one.pid))]
        started.update(it.process for it in facts if not it.forked)
        living = {one for one in started if host.alive(one)}
        living.update(it.process for it in facts if may_execute(it))
        new = named_master(service, service.oldbin, host)
        return phase_of_kept(old, host.alive(old), new, started, living), new

    return kept if service.second_is_new else renamed


def _ignored(service: Service, old: Process, host: Host) -> InitError:
    """Return the error of a master that ignores USR2: the process that started it still runs.

    In the foreground it was not forked since it was executed (PF_FORKNOEXEC), and neither
    was a master that an older one has started.
    """
    if service.second_is_new:
        return InitError(f"master {old} ignored USR2, or what it started ended at once")
    # ngx_signal_handler compares its parent with the one that it had at first.
    facts = host.look(old.pid)
    parent = host.look(facts.ppid) if facts else None
    of_a_master = parent is not None and host.exe_file(parent.process) == host.exe_file(old)
    if facts is not None and not facts.forked and not of_a_master:
        return Unimplemented(
            f"master {old} ignored USR2, it runs in the foreground and its parent, pid "
            f"{facts.ppid}, still runs: restart it through its supervisor to replace the binary"
        )
    return InitError(
        f"master {old} ignored USR2: its parent still runs, or an older master has not ended"
    )
