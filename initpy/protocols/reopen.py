"""Open the logs anew by a signal, usually USR1, after they were rotated.

             USR1                                 a look at every file that is open
    noted  ------> each master is idle again  ------> what a master has let go, no process of
                                                      the service holds: done

A rotated file may have any name, so names are not believed. What counts is the file
itself, device and inode, that a process has open to append to it: a log that was rotated
is one that a master had open before the signal, and has not open afterwards.
"""

from __future__ import annotations

from ..control.error_log import LogMark
from ..control.record import write_record
from ..control.signals import await_idle, killproc
from ..errors import InitError
from ..host import AppendedFile, Descriptors, Host, Process
from ..host.wait import wait_until
from ..service import Service
from ..signal_names import signal_named
from ..state.configuration import read_configuration
from ..state.idle import why_stuck
from ..state.record import read_record
from ..state.titles import workers_of
from .holders import Holders, named_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from ..contracts import Configuration

_STANDARD = 2  # the last descriptor that a daemon gets from its caller


def reopen_logs(
    service: Service,
    masters: tuple[Process, ...],
    host: Host,
    *,
    ending: Collection[Process] = (),
) -> None:
    """Send the reopen signal to every master; return when no process holds a rotated log.

    ending: old masters that were told to finish. Such a master passes the signal on to no
            worker any more, so its workers get it from us; it keeps its own logs to its end.

    A process that only finishes its requests has ``drain_timeout`` seconds for it, others
    have ``timeout``. Raises InitError, which names the process and the file; NotRunning.
    """
    assert service.reopen is not None
    for master in masters:
        if why := why_stuck(master, host):
            raise InitError(f"master {master} is {why}: no signal was sent")
    began = host.monotonic()
    config = read_configuration(service, host)
    marks = {master: LogMark(service, master, host) for master in (*ending, *masters)}
    opened = [_Master(service, config, master, marks[master], host) for master in masters]
    holders = Holders(service, config, marks, host, ending=ending)
    holders.note(set().union(*(_files(one.before) for one in opened)))
    for master in masters:
        killproc(master, signal_named(service.reopen), host=host)
    for one in opened:
        one.await_handled(began + service.timeout)
    handled = host.monotonic()
    for one in opened:
        one.require_opened()
    # Only now: the other master has made the new files, for their user to write.
    for worker in [one for master in ending for one in workers_of(service, master, host)]:
        killproc(worker, signal_named(service.reopen), host=host)
    # Also what an earlier call has not seen closed: no master has it open any more.
    before = read_record(service, host)
    holders.rotated = set(before.rotated if before else ())
    holders.rotated -= set().union(*(one.holds() for one in opened))
    holders.rotated |= set().union(*(one.let_go() for one in opened))
    write_record(service, masters[-1], host, rotated=holders.rotated)
    wait_until(
        lambda: holders.all_let_go(host.monotonic() - handled),
        within=max(service.timeout, service.drain_timeout),
        host=host,
        what=holders.awaited,
        interruptible=True,
    )
    holders.tell_unseen()
    write_record(service, masters[-1], host, rotated=())


class _Master:
    """What a master has open, before the signal and after it."""

    def __init__(
        self,
        service: Service,
        config: Configuration,
        master: Process,
        log: LogMark,
        host: Host,
    ) -> None:
        """Note what is open before the signal."""
        self.process = master
        self.log = log
        self._service, self._config, self._host = service, config, host
        # None if it cannot be looked at.
        self.before = self._after = host.descriptors(master)
        self._judged_by_workers = (
            self.before is None
            and not service.runs_scripts
            and any(host.descriptors(child) for child in host.children(master))
        )

    def await_handled(self, deadline: float) -> None:
        """Wait until it has handled the signal. Raises InitError, Interrupted."""
        self._await_idle(deadline)
        if self._is_unchanged():
            # It may have skipped the signal in the turn in which it refused to reload, and
            # would heed it with the next one. This one is harmless.
            # Seen in ngx_master_process_cycle.
            self._host.kill(self.process, signal_named("CHLD"))
            self._await_idle(deadline)

    def _await_idle(self, deadline: float) -> None:
        left = max(deadline - self._host.monotonic(), 0)
        why = "whether its logs are open anew is not known"
        await_idle(self.process, self._host, within=left, otherwise=why)
        self._after = self._host.descriptors(self.process)

    def _is_unchanged(self) -> bool:
        logs = _logs(self.before)
        return bool(logs) and logs == _logs(self._after)

    def require_opened(self) -> None:
        """Raise InitError if it has not opened its logs anew, or if that cannot be seen."""
        if self._judged_by_workers:
            self._host.tell(
                f"master {self.process} cannot be looked at: whether its logs are open anew "
                "is judged by its workers"
            )
            return
        if self.before is None or self._after is None:
            raise InitError(
                f"master {self.process} got the signal, but its files cannot be looked at: "
                "whether its logs are open anew is not known"
            )
        why = self.log.read(self.process.pid)
        failed = bool(why.lines) or self._misses_a_log()
        kept = [one.path for one in self._kept() if one.removed or failed]
        if kept:
            reason = f": {why.reason}" if why.lines else ""
            raise InitError(
                f"master {self.process} still writes to {', '.join(kept)}, it has not opened "
                f"its logs anew{reason}",
                "\n".join(why.lines),
            )

    def _kept(self) -> list[AppendedFile]:
        """Return what it has not closed, though no name in the configuration leads to it."""
        assert self._after is not None
        named = named_files(self._config, self._host)
        unchanged = _logs(self.before) & _logs(self._after)
        return [
            one
            for one in self._after.appended
            if (one.fd, one.file) in unchanged
            and (one.removed or (self._config.logs and one.file not in named))
        ]

    def _misses_a_log(self) -> bool:
        """Tell whether a name in the configuration leads to no file that it has open.

        Otherwise another than the daemon has opened the file that has no name there.
        """
        if self._service.reopens_in_place and self.log.readable:
            return False  # an unchanged descriptor is as usual, and it would log a failure
        held = _files(self._after)
        return any(self._host.file_id(path) not in held for path in self._config.logs)

    def holds(self) -> set[tuple[int, int]]:
        """Return the files that it has open now."""
        return _files(self._after)

    def let_go(self) -> set[tuple[int, int]]:
        """Return the files that it has closed. If it has ended meanwhile it does not tell."""
        if not self._host.alive(self.process):
            return set()
        return _files(self.before) - _files(self._after)


def _files(table: Descriptors | None) -> set[tuple[int, int]]:
    return {one.file for one in table.appended} if table else set()


def _logs(table: Descriptors | None) -> set[tuple[int, tuple[int, int]]]:
    """Return the descriptors that the daemon itself has opened, with their files."""
    return {(one.fd, one.file) for one in table.appended if one.fd > _STANDARD} if table else set()
