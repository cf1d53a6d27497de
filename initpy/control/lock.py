"""The lock of a service: only one action changes it at a time.

The lock file is named after the pidfile, because two instances may have the same name,
but never the same pidfile. flock(2): the kernel frees the lock when its holder dies. The
file is never removed; if it were, two actions could each lock a file of this name.
"""

from __future__ import annotations

from ..errors import Busy, InitError, Interrupted, NotPermitted, NotRunning, WaitTimeout
from ..host import Host, Process, pids_of
from ..host.wait import wait_until
from ..service import Service
from ..state.phase import awaited
from ..state.record import record_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

    from typing_extensions import Self

_TERMINATING = "; ends "  # the masters that are being ended follow, as PID@STARTED


def lock_path(service: Service) -> str:
    """Return the lock file of a service: the path of its pidfile, turned into one name.

    >>> from initpy.service import Service
    >>> lock_path(Service(name="x", daemon="/bin/x", pidfile="/run/x.pid"))
    '/run/initpy/run%x.pid.lock'
    """
    return record_path(service, "lock")


class ActionLock:
    """The lock, held while an action runs. A context manager.

    within:  seconds of monotonic time to wait for another action that has the lock.
    alone:   wait also for old processes that finish their requests, for which another action
             waits without the lock.
    without: continue with a warning if the lock file cannot be created: ``stop`` must
             work on a full disk.

    mends:   whether the action mends what a former one has left. If not, the next action has
             still to know of that.

    Raises Busy, which names the other action; Interrupted; NotPermitted; InitError.

    was_left:    whether the last holder was killed before it released the lock, or has failed.
    terminating: the masters that the last holder had begun to end, and did not see gone.
    """

    def __init__(
        self,
        service: Service,
        action: str,
        host: Host,
        *,
        within: float,
        alone: bool = False,
        without: bool = False,
        mends: bool = True,
    ) -> None:
        """Prepare the lock; ``with`` takes it."""
        self._service = service
        self._path = lock_path(service)
        self._alone = alone
        self._action = action
        self._host = host
        self._within = within
        self._without = without
        self._mends = mends
        self._left = ""
        self._fd: int | None = None
        self.was_left = False
        self.terminating: frozenset[Process] = frozenset()

    def __enter__(self) -> Self:
        """Take the lock, and read what its last holder has left in it."""
        try:
            self._fd = self._attempt()
        except (Busy, Interrupted, NotPermitted):
            raise
        except InitError as exc:
            if not self._without:
                raise
            self._host.tell(f"going on without a lock: {exc}")
            return self
        holder, _, terminating = self._text().partition(_TERMINATING)
        self.was_left = bool(holder)
        self._left = holder
        self.record_terminating(_terminating(terminating))
        return self

    def record_terminating(self, processes: Collection[Process]) -> None:
        """Record *processes* in the lock file before they are signalled.

        If this action is killed, the next one learns from it that they are ending. Call it
        with no processes once they are gone.
        """
        self.terminating = frozenset(processes)
        self._sign(f"{self._action} (pid {self._host.getpid()})")

    def _attempt(self) -> int:
        # A tuple, because a descriptor of 0 is false: we get it if our stdin is closed.
        def attempt() -> tuple[int] | None:
            fd = self._host.lock(self._path)
            if fd is not None and self._draining():
                self._host.unlock(fd)
                return None
            return None if fd is None else (fd,)

        try:
            (fd,) = wait_until(
                attempt,
                within=self._within,
                host=self._host,
                what=lambda: f"another action to finish: {self._busy()}",
                interruptible=True,
            )
        except WaitTimeout as exc:
            raise Busy(f"another action is under way: {self._busy()}") from exc
        return fd

    def refuse_terminating(self, masters: Collection[Process]) -> None:
        """Raise NotRunning if an action that was killed had begun to end one of *masters*."""
        for master in self.terminating.intersection(masters):
            raise NotRunning(
                f"master {master} is ending: a stop was interrupted, finish it with start or stop"
            )

    def _sign(self, holder: str) -> None:
        if self._fd is not None:
            ending = " ".join(f"{process.pid}@{process.started}" for process in self.terminating)
            self._host.sign_lock(self._fd, holder + (_TERMINATING + ending if ending else ""))

    def _text(self) -> str:
        facts = self._host.examine(self._path, 1000)
        return facts.text if facts else ""

    def _draining(self) -> list[Process]:
        return awaited(self._service, self._host) if self._alone else []

    def _busy(self) -> str:
        if draining := self._draining():
            return f"{len(draining)} old processes finish their requests (pids {pids_of(draining)})"
        return self._holder()

    def _holder(self) -> str:
        return self._text().partition(_TERMINATING)[0] or "the lock file does not tell which"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the lock."""
        if self._fd is not None:
            if not self._mends:
                self._sign(self._left)
            elif exc is None:
                self._sign("")
            self._host.unlock(self._fd)
            self._fd = None


def _terminating(text: str) -> frozenset[Process]:
    pairs = [word.partition("@") for word in text.split()]
    return frozenset(
        Process(pid=int(pid), started=int(started))
        for pid, _, started in pairs
        if pid.isdecimal() and started.isdecimal()
    )
