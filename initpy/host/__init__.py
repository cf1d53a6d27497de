"""The machine. This is the only package that makes system calls.

All other code is given a ``Host``. A test gives it another one, in which time is
virtual and any fault can be caused.
"""

from __future__ import annotations

import posix
import time

from ..errors import InitError, translated
from .files import FileFacts, Files
from .processes import Processes
from .procfs import Process, ProcessFacts, SignalMasks, pids_of
from .views import Views

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, Union

    # The time, the processes that are nobody's business, and what the daemon's file was then.
    Scanned = tuple[float, dict[int, int], Union[tuple[int, ...], None]]

    from .filesystem.changes import Changes
    from .filesystem.directories import Directories
    from .filesystem.logs import AppendedFile, Descriptors, Logs, NamelessFile
    from .filesystem.owners import Owners
    from .filesystem.rooted import Rooted
    from .network.access import Access, SocketAccess
    from .network.addresses import Addresses
    from .network.holders import Holder, Holders
    from .network.notices import NoticeSocket, Notifications
    from .network.sock_diag import BoundSocket, SockDiag
    from .network.sockets import CannotCopy, Listener, Sockets
    from .network.trials import Spot, Trials
    from .programs.launcher import Launched, Launching
    from .programs.limits import Limits
    from .programs.pipes import Pipe, Pipes
    from .programs.spawn import Child, Programs
    from .programs.surroundings import Conditions, Surroundings
    from .programs.unused import Unused
    from .programs.users import Account, Accounts
    from .signalling import Signalling
    from .system_log import SystemLog

    class Looks(
        Holders,
        Sockets,
        SockDiag,
        Access,
        Logs,
        Owners,
        Pipes,
        Rooted,
        Changes,
        Signalling,
        Files,
        Views,
        Programs,
        Launching,
        Addresses,
        Conditions,
        Accounts,
        Directories,
        Notifications,
        SystemLog,
        Trials,
        Unused,
    ):
        """All methods of a host. Those that ``status`` does not need are loaded at first use."""
else:

    class Looks(Processes, Files, Views):
        """The methods that every action needs."""


__all__ = [
    "HERE",
    "Account",
    "AppendedFile",
    "BoundSocket",
    "CannotCopy",
    "Child",
    "Descriptors",
    "FileFacts",
    "Holder",
    "Host",
    "Launched",
    "Limits",
    "Listener",
    "NamelessFile",
    "NoticeSocket",
    "Pipe",
    "Process",
    "ProcessFacts",
    "SignalMasks",
    "SocketAccess",
    "Spot",
    "Surroundings",
    "pids_of",
]

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_BLIND = 0.02  # seconds between two looks at a process whose end wakes nobody


@translated
class Host(Looks):
    """The machine we run on."""

    def __init__(self) -> None:
        """Discard notices and progress, until the caller sets where they go."""
        self.tell: Callable[[str], None] = lambda _sentence: None  # takes a notice of one line
        self.explain: Callable[[str], None] = lambda _sentence: None  # takes what was compared
        self.progress: Callable[[str], None] = lambda _what: None  # takes what is awaited
        self.finishing: list[Process] = []  # processes that were told to finish their requests
        self.cut = 0  # processes that had not finished their requests when they were ended
        # By pidfile: when the processes were read, and what came of that: state.scan.
        self.scanned: dict[str, Scanned] = {}
        self.interrupted_by = ""  # the name of the signal that asked us to end

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Load the methods that only some actions need, at first use."""
            from .parts import method_of

            return method_of(self, name)

    def load(self, *methods: str) -> None:
        """Load the parts that have those methods, and what a sleep needs: later it may fail."""
        for name in methods:
            getattr(self, name)
        import select  # noqa: F401

    def monotonic(self) -> float:
        """Return the seconds of CLOCK_MONOTONIC, which cannot be set."""
        return time.monotonic()

    def sleep(self, seconds: float, until: Process | None = None) -> None:
        """Sleep until the time is over, or until process *until* ends. Only ``wait`` calls this."""
        if until is None:
            time.sleep(seconds)
            return
        import select

        try:
            fd = posix.pidfd_open(until.pid)
        except ProcessLookupError:
            return
        except OSError:  # refused, or no descriptor is left: then its end wakes nobody
            time.sleep(min(seconds, _BLIND))
            return
        try:
            if self.alive(until):
                poll = select.poll()
                poll.register(fd, select.POLLIN)
                poll.poll(seconds * 1000)
        finally:
            posix.close(fd)

    def settle(self) -> None:
        """Undo what our caller may have done to us, before anything else is done.

        Without descriptors 0 to 2, files that we open would take these numbers; if SIGCHLD
        is ignored, a child cannot be waited for, and its pid is free at once; what is
        blocked is not heard; umask 077 would make a runtime directory that nobody can enter.
        """
        import _signal

        while True:
            fd = posix.open("/dev/null", posix.O_RDWR)
            if fd > 2:  # noqa: PLR2004 - standard error
                posix.close(fd)
                break
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        posix.umask(0o022)

    def heed_signals(self) -> None:
        """Record INT, TERM and HUP in ``interrupted_by`` from now on, instead of dying.

        A wait that may be interrupted reads it. Every other wait goes on to its end.
        """
        import _signal  # signal would load enum, at the price of a whole status

        def note(number: int, _frame: object) -> None:
            self.interrupted_by = names[number]

        names = {getattr(_signal, name): name for name in _ENDING}
        for sig in names:
            if _signal.getsignal(sig) != _signal.SIG_IGN:  # nohup(1) had it ignored
                _signal.signal(sig, note)

    def ignore_signals(self) -> None:
        """Ignore INT, TERM and HUP: the action is done, its exit code must not be lost."""
        import _signal

        for name in _ENDING:
            _signal.signal(getattr(_signal, name), _signal.SIG_IGN)

    def getpid(self) -> int:
        """Return our own pid."""
        return posix.getpid()

    def geteuid(self) -> int:
        """Return our effective user id."""
        return posix.geteuid()

    def run_by_systemd(self) -> bool:
        """Tell whether systemd started us: pid 1 is our parent, and pid 1 is systemd."""
        return posix.getppid() == 1 and self.exists("/run/systemd/system")

    def environment(self, name: str) -> str:
        """Return a variable of our caller's environment, or "" if it is not set."""
        import os

        return os.environ.get(name, "")

    def become(self, argv: list[str]) -> NoReturn:
        """Execute that program in our place, with our environment and terminal: execv(3)."""
        import signal

        # Python ignores these, and an ignored signal stays ignored in the new program:
        # ``systemctl | head`` would never end.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        try:
            posix.execv(argv[0], argv)
        except OSError as exc:
            raise InitError(f"{argv[0]} cannot be executed: {exc.strerror}") from exc

    def leave(self, code: int) -> NoReturn:
        """Exit with that code at once: _exit(2). Output streams must be flushed before.

        The interpreter would free all its objects first; the kernel frees the memory anyway.
        """
        posix._exit(code)  # noqa: SLF001 - its name in os, too


HERE = Host()


def __getattr__(name: str) -> Any:
    """Load a class from its module at first use (PEP 562)."""
    from .parts import class_of

    return class_of(name)
