"""Signals: who gets one, and what is awaited of it (LSB 20.8)."""

from __future__ import annotations

from ..errors import InitError, NotRunning, WaitTimeout
from ..host import HERE, Host, Process
from ..host.wait import wait_until
from ..schedule import Step, parse_schedule, signal_name, signal_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

DEFAULT_SCHEDULE = parse_schedule("TERM/5/KILL/5")

# Asks for something, and kills who does not listen for it: see signal(7).
_REQUESTS = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM")
_STOPPED = ("T", "t")  # the latter where somebody traces it: see proc(5)


def killproc(
    process: Process,
    sig: int | None = None,
    *,
    schedule: tuple[Step, ...] = DEFAULT_SCHEDULE,
    host: Host = HERE,
) -> None:
    """Send *sig* to *process*; without one, end it by *schedule* (LSB 20.8).

    Ending a process that is gone already is success. Raises NotRunning if it
    is gone and there is a signal to deliver; NotPermitted; WaitTimeout if it
    outlives the schedule; InitError, and nothing is sent, if it would die of
    a signal that is meant as a request.
    """
    if sig is None:
        terminate([process], schedule, host)
        return
    refuse_deadly(process, sig, host)
    if not host.kill(process, sig):
        raise NotRunning(f"process {process} is gone")


def refuse_deadly(process: Process, sig: int, host: Host) -> None:
    """Raise InitError if *sig* is a request that *process* would die of. See signal(7)."""
    # Upstream's php-fpm does not catch HUP: its master dies, its workers live on and
    # hold the port, and no new master can be started until they are ended by hand.
    masks = host.signals(process)
    name = signal_name(sig)
    if masks is None or name not in _REQUESTS:
        return
    if not (masks.caught | masks.ignored) >> (sig - 1) & 1:
        raise InitError(f"pid {process} does not catch {name} and would die of it: not sent")


def suspend(process: Process, host: Host) -> None:
    """Stop a process, and see it stopped: it bears nobody until it is woken or ended.

    A signal is taken when its process runs next, which may be some time on a busy
    host. Raises WaitTimeout.
    """
    host.kill(process, signal_named("STOP"))

    def stopped() -> bool:
        facts = host.look(process.pid)
        return facts is None or facts.process != process or facts.state in _STOPPED

    wait_until(stopped, within=5.0, host=host, what=f"process {process} to stop", until=process)


def resume(process: Process, host: Host) -> None:
    """Let a stopped process take what it has been sent."""
    facts = host.look(process.pid)
    if facts is not None and facts.process == process and facts.state in _STOPPED:
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

    kin:     looks for more of them: a master may start a worker meanwhile.
    leaders: those among them who pass a signal on to the rest. While one lives the
             rest is sent nothing, but for KILL, which nobody can pass on.
    what:    what they are, for messages.

    Raises NotPermitted, Interrupted, and WaitTimeout of the last step.
    """
    family = dict.fromkeys(processes)

    def alive() -> list[Process]:
        family.update(dict.fromkeys(more()))
        return [process for process in family if host.alive(process)]

    def count() -> str:
        everybody = alive()
        left = [process for process in everybody if process not in leaders] or everybody
        pids = ", ".join(map(str, left[:8])) + (", ..." if left[8:] else "")
        if not what:
            return f"process{'es' if left[1:] else ''} {pids} to end"
        return f"{len(left)} {what} to finish (pids {pids})"

    for number, step in enumerate(schedule, 1):
        left = alive()
        sig = signal_named(step.sig)
        leading = [process for process in left if process in leaders]
        for process in left if step.sig == "KILL" else leading or left:
            host.kill(process, sig)
            resume(process, host)
        try:
            wait_until(
                lambda: not alive(),
                within=step.seconds,
                host=host,
                what=count,
                until=left[0] if left else None,
                interruptible=interruptible,
            )
        except WaitTimeout:
            if number == len(schedule):
                raise
        else:
            return
