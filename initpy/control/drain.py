"""Let processes finish their requests, then end: old workers, and orphans of a dead master."""

from __future__ import annotations

from ..errors import InitError, WaitTimeout
from ..host import Host, Process
from ..host.wait import insist, wait_until
from ..schedule import Step, parse_schedule
from ..service import Service, resolve
from ..signal_names import signal_named
from ..state.configuration import read_configuration
from ..state.snapshot import Snapshot, named_master
from ..state.titles import workers_of
from .record import record_draining
from .signals import resume, suspend, terminate
from .stable import await_titles, wait_until_stable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from ..contracts import LogOutput
    from ..host import Pipe


def drain(
    service: Service,
    processes: Iterable[Process],
    host: Host,
    *,
    workers: Callable[[], Sequence[Process]] = tuple,
    what: str = "old workers",
) -> None:
    """Tell *processes* to finish their requests and end; return when they are gone.

    workers: returns the workers of those *processes* that are masters. A master tells its
             workers to finish.
    what:    what the processes are, for messages.

    Processes that have not finished after ``drain_timeout`` seconds get TERM, then KILL,
    and a notice tells their number. Raises WaitTimeout if a process survives KILL.
    """
    leaders = list(processes)
    patient = Step(sig=service.drain_signal, seconds=service.drain_timeout)
    try:
        terminate(leaders, (patient,), host, more=workers, leaders=leaders, what=what)
    except WaitTimeout:
        cut(service, [*leaders, *workers()], host, leaders=leaders, what=what)


def finishing_by_stop(service: Service) -> Service:
    """Return the service so that its old processes finish by the schedule ``stop``: a restart."""
    first, *rest = service.stop
    return service.replace(
        drain_signal=first.sig,
        drain_timeout=first.seconds,
        drain_late=tuple(rest) or service.stop,
    )


def cut(
    service: Service,
    processes: Iterable[Process],
    host: Host,
    *,
    leaders: Collection[Process] = (),
    what: str = "old workers",
) -> None:
    """End *processes* that have not finished in time; count them in ``host.cut``, and tell it.

    leaders: those that are masters, and not counted if one of their workers is left.
    """
    left = [one for one in processes if host.alive(one)]
    late = [one for one in left if one not in leaders] or left
    try:
        terminate(left, service.drain_late, host, what=what)
    finally:
        if ended := sum(not host.alive(one) for one in late):
            host.cut += ended
            after = f"had not finished after {service.drain_timeout:g} s"
            host.tell(f"{ended} {what} {after}: terminated")


def leave_to_finish(
    service: Service,
    processes: Iterable[Process],
    host: Host,
    *,
    workers: Iterable[Process] = (),
    what: str = "old workers",
) -> bool:
    """Tell *processes* to finish their requests, and record that; they are not waited for.

    workers: those of the *processes* that are masters. A master tells its workers itself.

    The action waits for them when it has released the lock, and looks then what is there
    (``protocols.finish``). Where nothing can be recorded other actions would not know of it:
    then they are waited for here. False is returned then, and if none of them is alive.
    """
    leaders = [process for process in processes if host.alive(process)]
    followers = list(workers)
    host.finishing += [*leaders, *followers]
    # Before they are signalled: they close their sockets, by which they are known else.
    recorded = bool(leaders) and record_draining(service, [*leaders, *followers], host)
    for process in leaders:
        host.kill(process, signal_named(service.drain_signal))
        resume(process, host)
    if leaders and not recorded:
        drain(service, leaders, host, workers=lambda: followers, what=what)
    return recorded


def drain_orphans(service: Service, host: Host, known: Iterable[Process] = ()) -> Snapshot:
    """Tell orphans to finish their requests, remove .oldbin; return the last look without them.

    known: orphans of a master that we have retired. Others are searched for: a master
           that was killed has left its workers behind, and they still accept.

    Raises InitError if no master serves: then only the orphans serve, and they are not
    signalled.
    """
    ours = [one for one in known if host.alive(one)]
    if ours:
        if named_master(service, service.pidfile, host) is None:
            _beside_a_master(service, host)
        leave_to_finish(service, ours, host)
    told = set(ours)
    while fresh := set((seen := _beside_a_master(service, host)).orphans) - told:
        told |= fresh
        leave_to_finish(service, fresh, host, what="workers of a dead master")
    # Those of which the record does not tell that they finish: it was lost, or is distrusted.
    drain(service, seen.orphans, host)
    if not (seen.retiring or seen.successor):
        host.remove(service.oldbin)
    return seen


def _beside_a_master(service: Service, host: Host) -> Snapshot:
    absences = 0

    def look() -> Snapshot | None:
        nonlocal absences
        seen = wait_until_stable(service, host, thorough=True)
        # One that died since the pidfile was read has made its workers orphans. One that has
        # executed itself anew, as another process, has not, and may be missed once.
        if not seen.orphans or (seen.master is not None and host.alive(seen.master)):
            return seen
        absences += seen.master is None
        if absences > 1 or (absences and seen.starting):  # that was waited for already
            raise InitError("the master has died, its workers still serve: run start to recover it")
        return None

    return wait_until(look, within=service.timeout, host=host, what="a master that stays")


def retire(service: Service, master: Process, host: Host) -> list[Process]:
    """End *master* and return its workers, which go on.

    It is ended by KILL: on QUIT or TERM it would remove its pidfile and the paths of its
    unix sockets, which another master uses by now. STOP comes before, so that it cannot
    fork another worker after they are listed. It is stopped only for a moment: a worker
    that writes to a pipe which its master reads (catch_workers_output) would block. At a
    failure before KILL it goes on.
    """
    # Before it is stopped: nothing is to be imported then.
    log: LogOutput | None = resolve(service.log_output) if service.log_output else None
    try:
        suspend(master, host)
        await_titles(service, master, host)
        workers = workers_of(service, master, host)
        if log is not None:
            _relay_output(service, master, workers, log, host)
    except BaseException:
        insist(lambda: resume(master, host), host)
        raise
    kill = parse_schedule("KILL/5")
    insist(lambda: terminate([master], kill, host, what="old master"), host)
    return list(workers)


def _relay_output(
    service: Service, master: Process, workers: Mapping[Process, str], log: LogOutput, host: Host
) -> None:
    """Have the pipes that *master* reads be read on, until *workers* have closed them.

    What a worker writes is logged as its master would have done.
    """
    pipes = host.pipes_between(master, workers)
    if not pipes:
        return
    config = read_configuration(service, host)

    def logged(pipe: Pipe, said: bytes, now: Callable[[str], str]) -> bytes:
        if pipe.writer is None:
            return log(config, "", 0, 0, said, now)
        return log(config, workers[pipe.writer], pipe.writer.pid, pipe.stream, said, now)

    try:
        host.relay(master, pipes, logged)
    except InitError as exc:
        host.tell(
            f"nothing reads what {len(workers)} old workers write, which is an error to them: {exc}"
        )
