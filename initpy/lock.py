"""One action at a time on one service.

The lock is named after the pidfile: two instances may share a name, not a
pidfile. flock(2) frees it when its holder dies; the file itself stays, since
removing it would let two in at once.
"""

from __future__ import annotations

from .errors import Busy, InitError, Interrupted, NotPermitted, WaitTimeout
from .host import Host
from .service import Service
from .wait import wait_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

DIRECTORY = "/run/initpy"


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

    def __enter__(self) -> str:
        """Take the lock. Return the action that its last holder was killed in, or ""."""
        try:
            self._fd = self._attempt()
        except (Busy, Interrupted, NotPermitted):
            raise
        except InitError as exc:
            if not self._without:
                raise
            self._host.tell(f"going on without a lock: {exc}")
            return ""
        left = self._signature().partition(" ")[0]
        self._host.sign_lock(self._fd, f"{self._action} (pid {self._host.getpid()})")
        return left

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
                what=lambda: (
                    f"another action to finish: {self._signature() or 'it has not said which'}"
                ),
                interruptible=True,
            )
        except WaitTimeout as exc:
            raise Busy(
                f"another action is under way: {self._signature() or 'it has not said which'}"
            ) from exc
        return fd

    def _signature(self) -> str:
        facts = self._host.examine(self._path, 200)
        return facts.text if facts else ""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let it go."""
        if self._fd is not None:
            self._host.sign_lock(self._fd, "")
            self._host.unlock(self._fd)
            self._fd = None
