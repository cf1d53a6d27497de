"""One action at a time on one service.

The lock is named after the pidfile: two instances may share a name, not a
pidfile. flock(2) frees it when its holder dies; the file itself stays, since
removing it would let two in at once.
"""

from __future__ import annotations

from ..errors import Busy, InitError, Interrupted, NotPermitted, NotRunning, WaitTimeout
from ..host import Host, Process
from ..host.wait import wait_until
from ..service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

    from typing_extensions import Self

DIRECTORY = "/run/initpy"
_TERMINATING = "; ends "  # before the processes that are being ended, as PID@STARTED


def lock_path(service: Service) -> str:
    """Return the lock file of a service: its pidfile's path, as one name.

    >>> from initpy.service import Service
    >>> lock_path(Service(name="x", daemon="/bin/x", pidfile="/run/x.pid"))
    '/run/initpy/run%x.pid.lock'
    """
    return f"{DIRECTORY}/{service.pidfile.lstrip('/').replace('/', '%')}.lock"


class ActionLock:
    """Held while an action changes something. A context manager.

    within:  seconds of monotonic time to wait for whoever has it.
    without: go on with a warning if there can be no lock (``stop`` must work
             on a full disk).

    Raises Busy, which says who has it; NotPermitted; InitError.
    """

    def __init__(
        self, service: Service, action: str, host: Host, *, within: float, without: bool = False
    ) -> None:
        """Describe the lock; it is taken by ``with``."""
        self._path = lock_path(service)
        self._action = action
        self._host = host
        self._within = within
        self._without = without
        self._fd: int | None = None
        self.was_left = False
        self.terminating: frozenset[Process] = frozenset()

    def __enter__(self) -> Self:
        """Take the lock.

        ``was_left`` is then whether its last holder was killed, and ``doomed``
        whom it has told to end and not seen gone.
        """
        try:
            self._fd = self._attempt()
        except (Busy, Interrupted, NotPermitted):
            raise
        except InitError as exc:
            if not self._without:
                raise
            self._host.tell(f"going on without a lock: {exc}")
            return self
        holder, _, doomed = self._text().partition(_TERMINATING)
        self.was_left = bool(holder)
        self.record_terminating(_terminating(doomed))
        return self

    def record_terminating(self, processes: Collection[Process]) -> None:
        """Write down who is told to end, before they are: nothing else would tell it of them.

        None any more, once they have been seen gone.
        """
        self.terminating = frozenset(processes)
        self._sign(f"{self._action} (pid {self._host.getpid()})")

    def _attempt(self) -> int:
        # A tuple, since the descriptor may be 0 if our stdin is closed.
        def attempt() -> tuple[int] | None:
            fd = self._host.lock(self._path)
            return None if fd is None else (fd,)

        try:
            (fd,) = wait_until(
                attempt,
                within=self._within,
                host=self._host,
                what=lambda: f"another action to finish: {self._holder()}",
                interruptible=True,
            )
        except WaitTimeout as exc:
            raise Busy(f"another action is under way: {self._holder()}") from exc
        return fd

    def refuse_terminating(self, masters: Collection[Process]) -> None:
        """Raise NotRunning if one of *masters* was told to end by somebody who was cut short."""
        for master in self.terminating.intersection(masters):
            raise NotRunning(
                f"master {master} was told to end by a stop that was cut short: "
                "start or stop finishes that"
            )

    def _sign(self, holder: str) -> None:
        if self._fd is not None:
            doomed = " ".join(f"{process.pid}@{process.started}" for process in self.terminating)
            self._host.sign_lock(self._fd, holder + (_TERMINATING + doomed if doomed else ""))

    def _text(self) -> str:
        facts = self._host.examine(self._path, 1000)
        return facts.text if facts else ""

    def _holder(self) -> str:
        return self._text().partition(_TERMINATING)[0] or "it has not said which"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let it go."""
        if self._fd is not None:
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
