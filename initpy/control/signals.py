"""Send signals and wait for their effect (LSB 20.8)."""

from __future__ import annotations

from ..errors import InitError, NotRunning, WaitTimeout
from ..host import HERE, Host, Process, pids_of
from ..host.wait import wait_until
from ..schedule import Step, parse_schedule
from ..signal_names import signal_name, signal_named
from ..state.idle import is_idle, why_stuck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

DEFAULT_SCHEDULE = parse_schedule("TERM/5/KILL/5")

# A daemon takes these as requests. They kill a process that does not catch them: signal(7).
_REQUESTS = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM")
STUCK = 1.0  # seconds for which a master may be stopped before nothing is expected of it
_STOPPED = ("T", "t")  # stopped by a signal, stopped by a tracer: proc(5)


def killproc(
    process: Process,
    sig: int | None = None,
    *,
    schedule: tuple[Step, ...] = DEFAULT_SCHEDULE,
    host: Host = HERE,
) -> None:
    """Send *sig* to *process*; without *sig*, end it by *schedule* (LSB 20.8).

    To end a process that is gone already is success. Raises NotRunning if it is gone and
    *sig* is given; NotPermitted; WaitTimeout if it survives the schedule; InitError if
    *sig* is a request (HUP, USR1, USR2, ALRM) that it does not catch: nothing was sent.
    """
    tell_unsafe(host)
    if sig is None:
        terminate([process], schedule, host)
        return
    refuse_deadly(process, sig, host)
    if not host.kill(process, sig):
        raise NotRunning(f"process {process} is gone")


def refuse_deadly(process: Process, sig: int, host: Host) -> None:
    """Raise InitError if *sig* is a request that would kill *process*. See signal(7)."""
    # php-fpm does not catch HUP: its master dies, but its workers live on and hold the
    # port, so that no new master can start until someone ends them by hand.
    masks = host.signals(process)
    name = signal_name(sig)
    if masks is None or name not in _REQUESTS:
        return
    # One that every thread blocks is taken on purpose: signalfd(2), sigwait(3).
    handled = masks.caught | masks.ignored
    if not (handled | host.blocked_by_threads(process)) >> (sig - 1) & 1:
        raise InitError(f"pid {process} does not catch {name} and would die of it: not sent")


def refuse_unsafe(host: Host) -> None:
    """Raise InitError if no signal can be sent here that reaches no other process, ever."""
    if why := host.why_unsafe():
        raise InitError(f"{why}, and a signal might reach another process: none was sent")


def tell_unsafe(host: Host) -> None:
    """Say so if a signal that has to be sent might reach another process."""
    if why := host.why_unsafe():
        host.tell(f"{why}: kill(2) sends the signals, which is less safe")


def require_permission(processes: Iterable[Process], host: Host) -> None:
    """Raise NotPermitted if one of *processes* may not be signalled. No signal is sent.

    Workers have other users than their master: root needs CAP_KILL to signal them.
    """
    for process in processes:
        host.require_permission(process)


def await_idle(
    master: Process, host: Host, *, within: float, otherwise: str = "no signal was sent"
) -> None:
    """Wait until *master* has handled every signal that it got before, or is gone.

    Raises InitError after so many seconds, or soon if it is stopped, which says what keeps it
    and *otherwise*, what follows from that; Interrupted.
    """
    since = host.monotonic()

    def idle() -> bool:
        if host.monotonic() - since >= STUCK and (why := why_stuck(master, host)):
            raise InitError(f"master {master} is {why}: {otherwise}")
        return not host.alive(master) or is_idle(master, host)

    try:
        wait_until(idle, within=within, host=host, what="it to be idle", interruptible=True)
    except WaitTimeout as exc:
        raise InitError(f"master {master} is busy: {otherwise}, {exc}") from exc


def suspend(process: Process, host: Host) -> None:
    """Send SIGSTOP, and return when the process is stopped, or gone.

    A stopped process cannot fork until it gets SIGCONT. It stops only when it runs next,
    which may take some time on a busy host. Raises WaitTimeout.
    """
    host.kill(process, signal_named("STOP"))

    def stopped() -> bool:
        facts = host.look(process.pid)
        return facts is None or facts.process != process or facts.state in _STOPPED

    wait_until(stopped, within=5.0, host=host, what=f"process {process} to stop", until=process)


def resume(process: Process, host: Host) -> None:
    """Send SIGCONT to a process that is stopped, so that it can act on other signals."""
    masks = host.signals(process)
    if masks is not None and masks.state in _STOPPED:
        host.kill(process, signal_named("CONT"))


def terminate(
    processes: Iterable[Process],
    schedule: tuple[Step, ...],
    host: Host,
    *,
    more: Callable[[], Iterable[Process]] = tuple,
    leaders: Collection[Process] = (),
    what: str = "",
    interruptible: bool = False,
) -> None:
    """Send each signal of *schedule* in turn until *processes* are gone.

    more:    returns further processes to end: a master may start a worker meanwhile, even
             between the look at its children and its KILL.
    leaders: masters that pass a signal on to their workers. While one is alive only the
             leaders are signalled. KILL goes to all: it cannot be passed on.
    what:    what the processes are, for messages.
    interruptible: whether INT, TERM and HUP end the wait.

    Raises NotPermitted, Interrupted, and WaitTimeout of the last step.
    """
    targets = dict.fromkeys(processes)
    leading = frozenset(leaders)

    def alive() -> list[Process]:
        targets.update(dict.fromkeys(more()))
        return [process for process in targets if host.alive(process)]

    killed: set[Process] = set()

    def all_gone() -> bool:
        left = alive()
        if killed:  # it has come to KILL: what was born since then gets it, too
            _send("KILL", [process for process in left if process not in killed], leading, host)
            killed.update(left)
        return not left

    def awaited() -> str:
        living = alive()
        left = [process for process in living if process not in leading] or living
        pids = pids_of(left)
        if not what:
            return f"process{'es' if left[1:] else ''} {pids} to end"
        return f"{len(left)} {what} to finish (pids {pids})"

    for number, step in enumerate(schedule, 1):
        left = alive()
        _send(step.sig, left, leading, host)
        killed.update(left if step.sig == "KILL" else ())
        try:
            wait_until(
                all_gone,
                within=step.seconds,
                host=host,
                what=awaited,
                until=left[0] if left else None,
                interruptible=interruptible,
            )
        except WaitTimeout:
            if number == len(schedule):
                raise
        else:
            return


def _send(name: str, processes: list[Process], leaders: Collection[Process], host: Host) -> None:
    """Send that signal to *processes*, or only to the leaders among them; KILL goes to all."""
    leading = [process for process in processes if process in leaders]
    if name == "KILL" and processes[1:]:  # a master is not ended beside workers that cannot be
        require_permission(processes, host)
    for process in processes if name == "KILL" else leading or processes:
        host.kill(process, signal_named(name))
        resume(process, host)
