"""Reload by a signal, usually HUP, or a command: the master stays, and replaces its workers.

           HUP
    idle ------> reads the configuration, starts workers, ------> idle again: what serves?
                 and tells the old ones to finish

The master does not report the result, but the kernel tells when it is idle: before the signal,
so that another caller's reload is not taken for this one, and again when this one has ended. Then
its workers tell the result. Its log only tells the reason: clients write there, too.
"""

from __future__ import annotations

from ..control.error_log import LogMark
from ..control.pidfiles import restore_pidfile
from ..control.signals import await_idle, killproc
from ..errors import InitError, Reverted, WaitTimeout
from ..host import Host, Process
from ..host.wait import wait_until
from ..service import Service
from ..signal_names import signal_named
from ..state.idle import is_idle, why_stuck
from ..state.snapshot import take_snapshot
from ..state.titles import looks_like_master
from ..state.workers import SETTLE, ready_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..control.starting.told import Told

LAG = 0.5  # seconds; an old worker says by then that it finishes, and a new one that fails ends
# Of a master without telling workers, in seconds: for how long it lives on after the signal,
# for how long it must not have run then, and after which time it is taken for busy.
LASTING, RESTING, BUSY = 0.5, 0.03, 3.0


def reload(service: Service, master: Process, host: Host) -> None:
    """Send the reload signal to *master*; return when new workers serve.

    Old workers accept no new requests then, but may still finish theirs. The caller
    holds the lock and has tested the configuration. Raises Reverted if the old workers
    serve as before, InitError if they do not, or if that is unknown.
    """
    if not isinstance(service.reload, str):
        _reload_by_command(service, master, host)
        return
    if not service.worker_titles:
        from ..control.starting.told import Told

        told = Told(service, master, host)
        try:
            _send_and_see_it_taken(service, master, told, host)
        finally:
            told.close()
        return
    await_idle(master, host, within=service.timeout)
    found, version = _Generations(service, master, host), host.version(service.pidfile)
    killproc(master, signal_named(service.reload), host=host)
    what = f"master {master} to be idle again"
    _wait(service, host, found.handled, lambda: what, until=found.old)
    # A pidfile that has another name by now was written anew, and then removed by its old
    # name; both may be one file (ngx_init_cycle).
    if host.version(service.pidfile) != version:
        restore_pidfile(service, take_snapshot(service, host), host, needed=False)
    _wait(service, host, found.renewed, found.awaited)


def _reload_by_command(service: Service, master: Process, host: Host) -> None:
    """Run the command; return when it has ended well, and the master has lived on for a while.

    Where its workers can be told apart, new ones have to serve by then.
    """
    from ..control.running import how_ended, run_for

    args = service.reload or ()
    found = _Generations(service, master, host) if service.worker_titles else None
    finished = run_for(service, "reload", args, master, host)
    ended = host.monotonic()
    if finished.code:
        state = "lives" if host.alive(master) else "has died"
        how = how_ended("reload", args, finished)
        raise InitError(f"{how}; master {master} {state}", finished.output)
    if found:
        _wait(service, host, found.handled, lambda: f"master {master} to be idle again")
        _wait(service, host, found.renewed, found.awaited)
        return

    def survived() -> bool:
        _require_alive(master, host)
        return host.monotonic() - ended >= LASTING

    wait_until(survived, within=service.timeout, host=host, what=f"master {master} to live on")
    if why := why_stuck(master, host):
        raise InitError(f"the reload is under way: master {master} is {why}")


def _wait(
    service: Service,
    host: Host,
    probe: Callable[[], object],
    what: Callable[[], str],
    until: Process | None = None,
) -> object:
    within = service.timeout
    try:
        return wait_until(
            probe, within=within, host=host, what=what, until=until, interruptible=True
        )
    except WaitTimeout as exc:
        raise InitError(f"the reload is under way: {exc}") from exc


def _send_and_see_it_taken(service: Service, master: Process, told: Told, host: Host) -> None:
    """Reload a daemon whose workers cannot be told apart, and judge by what the kernel tells.

    If the daemon says that it reloads, it also says when it is ready again. Otherwise the
    signal is not pending any more, the master lives on for a while, and then it rests: it has
    not run for a moment. Raises InitError if it dies, or does not take the signal.
    """
    assert isinstance(service.reload, str)
    sig = signal_named(service.reload)
    killproc(master, sig, host=host)
    sent = rests = host.monotonic()
    last = host.signals(master)

    def taken() -> str:
        nonlocal rests, last
        _require_alive(master, host)
        if told.reloads():
            return "told" if told.ready else ""
        now, masks = host.monotonic(), host.signals(master)
        if masks is None or masks.state != "S" or masks != last:
            rests, last = now, masks
        if masks is None or now - sent < LASTING or masks.pending >> (sig - 1) & 1:
            return ""
        if why := why_stuck(master, host):
            raise InitError(f"the reload is under way: master {master} is {why}")
        if now - rests >= RESTING:
            return "rests"
        return "busy" if now - sent >= BUSY else ""

    found = _wait(service, host, taken, lambda: told.awaited(f"master {master}"))
    if found == "told" and told.status:
        host.tell(f"master {master} says: {told.status}")
    if found == "busy":
        host.tell(
            f"master {master} has taken the signal, and lives on; it is too busy to see "
            "whether it has finished its reload"
        )


def _require_alive(master: Process, host: Host) -> None:
    if not host.alive(master):
        raise InitError(f"master {master} died during the reload")


class _Generations:
    """The workers of a master, before a reload and after it."""

    def __init__(self, service: Service, master: Process, host: Host) -> None:
        """Note what is there before the signal."""
        self._service, self._master, self._host = service, master, host
        self._before = host.children(master)  # some may not serve yet, and have no title
        self.old = next(iter(self._before), None)  # its end is the last that a reload brings about
        self._log = LogMark(service, master, host)
        # Whether more processes were born than have ended: a master that keeps its
        # configuration only replaces a worker that was killed.
        self._started = False
        self._ended_at: float | None = None  # when it was first seen that the reload has ended

    def handled(self) -> bool:
        """Look at the workers; tell whether the master is idle again."""
        _require_alive(self._master, self._host)
        born = self._born()  # before the look at what has ended, which it may replace
        gone = [one for one in self._before if not self._host.alive(one)]
        self._started = self._started or len(born) > len(gone)
        return is_idle(self._master, self._host)

    def renewed(self) -> bool:
        """Tell whether only new workers serve, after the master was idle again.

        Raises Reverted or InitError if it will not come to that.
        """
        host = self._host
        _require_alive(self._master, host)
        if self._ended_at is None:
            self._ended_at = host.monotonic()
        since = host.monotonic() - self._ended_at
        ready = ready_workers(self._service, self._master, host)
        fresh = ready.difference(self._before)
        if kept := ready.intersection(self._before):
            if not self._started and since >= SETTLE:
                self._refuse(kept, fresh, since)
            return False
        if any(host.age(worker) >= SETTLE and not why_stuck(worker, host) for worker in fresh):
            self._see_that_it_was_this_reload()
            return any(map(host.alive, fresh))
        if since < LAG or self._boots():
            return False
        why = self._log.read()
        raise InitError(
            f"nothing serves: the new workers have ended{f': {why.reason}' if why.lines else ''}; "
            "correct the configuration, then reload",
            "\n".join(why.lines),
        )

    def awaited(self) -> str:
        """Return what the wait for new workers is for."""
        ready = ready_workers(self._service, self._master, self._host)
        kept = [one for one in self._before if one in ready]
        if not kept:
            return f"the workers of master {self._master} to serve"
        stay = ", ".join(f"{one} ({why_stuck(one, self._host) or 'busy'})" for one in kept)
        return f"old workers to stop accepting requests: {stay}; new ones serve"

    def _born(self) -> set[Process]:
        return set(self._host.children(self._master)).difference(self._before)

    def _boots(self) -> bool:
        """Tell whether a new worker is slow to come up; one that cannot live ends sooner."""
        return any(
            looks_like_master(self._service, self._host.title(child.pid))
            and self._host.age(child) >= LAG
            for child in self._born()
        )

    def _refuse(self, kept: set[Process], fresh: set[Process], since: float) -> None:
        """Raise Reverted if the master has kept its old workers: it was not seen to start any."""
        why = self._log.read(self._master.pid)
        if not why.lines and (fresh or since < LAG):
            return
        reason = f": {why.reason}" if why.lines else ""
        stuck = [why_stuck(one, self._host) for one in kept]
        if all(stuck):
            raise InitError(f"reload failed, and the old workers are {stuck[0]}{reason}")
        raise Reverted(
            f"reload failed, the old workers serve as before{reason}", "\n".join(why.lines)
        )

    def _see_that_it_was_this_reload(self) -> None:
        """Raise InitError if the workers may be mere replacements of workers that were killed."""
        why = self._log.read(self._master.pid)
        if not self._started and why.lines:
            raise InitError(
                "it cannot be told which configuration is served, the old workers were "
                f"killed meanwhile: {why.reason}",
                "\n".join(why.lines),
            )
