"""The end of a replacement, after the lock was released: the old processes finish their requests.

First, with the lock, they are told to finish, and recorded. Then they are waited for without
it, and other actions may work on the service. At last, with the lock again, it is looked what
is there now, and what was left to be done is done.
"""

from __future__ import annotations

from ..control.drain import cut, drain, drain_orphans
from ..control.lock import ActionLock
from ..control.pidfiles import await_first_pidfile
from ..control.record import write_record
from ..control.signals import terminate
from ..control.stable import wait_until_stable
from ..errors import Busy, InitError, Interrupted, RollbackFailed, WaitTimeout, upgrade_failed
from ..host import Host, Process, pids_of
from ..host.wait import wait_until
from ..service import Service
from ..state.record import Record, Remains, read_record
from ..state.snapshot import Snapshot
from ..state.titles import is_worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class Finishing:
    """Waits for the old processes that an action has told to finish. A context manager.

    The lock is taken inside it, and so released before. It waits also if the action has failed,
    and then the error of the action is raised.

    Raises Interrupted: the old processes go on finishing; InitError if the new master has ended
    meanwhile, or was replaced: RollbackFailed in an upgrade.
    """

    def __init__(self, service: Service, action: str, host: Host) -> None:
        """Prepare to wait at the end of that action."""
        self._service, self._action, self._host = service, action, host
        self._ours: Process | None = None

    def __enter__(self) -> Self:
        """Nothing is left yet."""
        self._host.finishing = []
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait until what is left to this script is done."""
        if exc is not None and (not isinstance(exc, InitError) or isinstance(exc, Busy)):
            return  # a fault of ours, or the lock was not taken
        try:
            self._finish()
        except InitError as worse:
            if exc is None:
                raise
            self._host.tell(f"{worse}")

    def _finish(self) -> None:
        service, host = self._service, self._host
        done: list[Record] = []
        self._ours = host.find(host.getpid())
        while (record := read_record(service, host)) is not None and self._is_left(record):
            if done[-2:] == [record, record]:
                break  # it cannot be written again: the disk is full
            done.append(record)
            try:
                self._await_old(record)
                with ActionLock(service, self._action, host, within=service.timeout):
                    self._conclude(record.master)
            except Interrupted as exc:
                raise Interrupted(
                    f"{self._action} is done, master {record.master} serves; {exc}: "
                    "they go on without this script"
                ) from exc
            except Busy as exc:
                raise InitError(
                    f"{self._action} is done, and its old processes have ended, but {exc}: "
                    "what serves now is not known"
                ) from exc
        # What the record does not tell any more: it was lost meanwhile.
        drain(service, [one for one in host.finishing if host.alive(one)], host)

    def _is_left(self, record: Record) -> bool:
        """Tell whether anything is left to this script."""
        remains = record.remains
        if self._ours in remains.draining.values():
            return True
        others = any(map(self._host.alive, remains.draining))
        return bool(remains.helpers or remains.dropped) and not others

    def _await_old(self, record: Record) -> None:
        """Return when the old processes are gone, or the new master is."""
        service, host, master = self._service, self._host, record.master
        told = [one for one, waiter in record.remains.draining.items() if waiter == self._ours]
        leaders = [one for one in told if not is_worker(service, host.title(one.pid))]

        def ended() -> bool:
            gone = not service.reload_execs and not host.alive(master)
            return gone or not any(map(host.alive, told))

        def awaited() -> str:
            left = [one for one in told if host.alive(one)]
            late = [one for one in left if one not in leaders] or left
            return f"{len(late)} old workers to finish (pids {pids_of(late)})"

        try:
            wait_until(
                ended,
                within=service.drain_timeout,
                host=host,
                what=awaited,
                until=told[0] if told else None,
                interruptible=True,
            )
        except WaitTimeout:
            cut(service, told, host, leaders=leaders)

    def _conclude(self, master: Process) -> None:
        """See what is there now, and do what was left. The lock is held."""
        service, host = self._service, self._host
        seen = wait_until_stable(service, host, thorough=True)
        record = read_record(service, host)
        if seen.master != master:
            self._judge_other_master(seen, master, record)
        if seen.orphans:
            try:
                drain_orphans(service, host)
            except InitError as exc:
                raise self._failed(f"{exc}") from exc
            return
        if seen.leftover:
            host.remove(service.oldbin)
        try:
            await_first_pidfile(service, seen, host)
        except InitError as exc:
            raise self._failed(f"{exc}") from exc
        if record is None or seen.master is None:
            return
        told = record.remains.draining.items()
        others = {one: waiter for one, waiter in told if waiter != self._ours}
        remains = record.remains.replace(draining=others)
        if not any(map(host.alive, others)):
            helpers = remains.helpers
            terminate(helpers, service.force_quit, host, what="helpers of the old master")
            if remains.dropped:
                from .sockets.paths import remove_dropped_paths

                remove_dropped_paths(remains.dropped, host)
            remains = Remains()
        write_record(service, seen.master, host, remains=remains)

    def _judge_other_master(self, seen: Snapshot, master: Process, record: Record | None) -> None:
        """Raise unless the master that is there now is what *master* has become."""
        if record is None or self._ours not in record.remains.draining.values():
            # A stop removes the record.
            again = f", and started again: master {seen.master} serves" if seen.master else ""
            raise InitError(
                f"{self._action} was done, but {self._service.name} was stopped meanwhile{again}"
            )
        if seen.master is not None and self._service.reload_execs:
            return
        if self._host.alive(master):
            raise self._failed(f"{self._service.pidfile} does not name new master {master}")
        raise self._failed(f"New master {master} died, the old one has quit already: use start")

    def _failed(self, why: str) -> InitError:
        upgrading = self._action == "upgrade"
        return upgrade_failed(RollbackFailed, why) if upgrading else InitError(why)
