"""The machine. The only package that makes system calls.

Everything above takes a ``Host``, so that a test can hand it another one in
which time is virtual and every fault can be had on demand.
"""

from __future__ import annotations

import os
import time

from ..errors import InitError
from .files import FileFacts, Files
from .processes import Processes
from .procfs import Process, ProcessFacts, SignalMasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from .changes import Changes
    from .programs import Child, Programs
    from .sockets import CannotCopy, Holder, Listener, Sockets

    class Looks(Sockets, Files, Changes, Programs):
        """All that the machine has; what ``status`` does not need is loaded when it is used."""
else:

    class Looks(Processes, Files):
        """What every action needs of the machine."""


__all__ = [
    "HERE",
    "CannotCopy",
    "Child",
    "FileFacts",
    "Holder",
    "Host",
    "Listener",
    "Process",
    "ProcessFacts",
    "SignalMasks",
]


_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


class Host(Looks):
    """The machine we run on."""

    def __init__(self) -> None:
        """Start with nobody listening and nothing interrupted."""
        self.tell: Callable[[str], None] = lambda _sentence: None  # notices, a line each
        self.progress: Callable[[str], None] = lambda _what: None  # while a wait goes on
        self.interrupted_by = ""  # name of the signal that told us to end

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Load what only some actions need, when it is first asked for."""
            from .changes import Changes
            from .programs import Programs
            from .sockets import Sockets

            for part in (Changes, Programs, Sockets):
                if name in vars(part):
                    return vars(part)[name].__get__(self)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def monotonic(self) -> float:
        """Return seconds of a clock that nobody can set."""
        return time.monotonic()

    def sleep(self, seconds: float, until: Process | None = None) -> None:
        """Sleep so long at most, or until that process ends. Only ``wait`` calls this."""
        if until is None:
            time.sleep(seconds)
            return
        import select

        try:
            fd = os.pidfd_open(until.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive(until):
                poll = select.poll()
                poll.register(fd, select.POLLIN)
                poll.poll(seconds * 1000)
        finally:
            os.close(fd)

    def heed_signals(self) -> None:
        """Note INT, TERM and HUP from now on instead of dying of them.

        Waits that can be abandoned look at ``interrupted_by``; what cannot be
        left half done goes on to its end.
        """
        import _signal  # signal would load enum, at the price of a whole status

        def note(number: int, _frame: object) -> None:
            self.interrupted_by = names[number]

        names = {getattr(_signal, name): name for name in _ENDING}
        for sig in names:
            if _signal.getsignal(sig) != _signal.SIG_IGN:  # nohup(1) stays in force
                _signal.signal(sig, note)

    def ignore_signals(self) -> None:
        """Ignore INT, TERM and HUP: all is done but to exit with the right code."""
        import _signal

        for name in _ENDING:
            _signal.signal(getattr(_signal, name), _signal.SIG_IGN)

    def getpid(self) -> int:
        """Return our own number."""
        return os.getpid()

    def geteuid(self) -> int:
        """Return whose rights we have."""
        return os.geteuid()

    def run_by_systemd(self) -> bool:
        """Tell whether systemd itself, not a person, runs us."""
        return os.getppid() == 1 and os.path.isdir("/run/systemd/system")

    def environment(self, name: str) -> str:
        """Return a variable of our caller's environment, or "" if it is not set."""
        return os.environ.get(name, "")

    def become(self, argv: list[str]) -> NoReturn:
        """Go on as that program, with the caller's environment and terminal: execv(2)."""
        import signal

        # What Python ignores would stay ignored, and ``systemctl | head`` never end.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        try:
            os.execv(argv[0], argv)
        except OSError as exc:
            raise InitError(f"{argv[0]} cannot be executed: {exc.strerror}") from exc

    def leave(self, code: int) -> NoReturn:
        """Exit with that code, at once: _exit(2).

        The interpreter would take to pieces first whatever it has loaded, and the
        kernel frees that all the same. What was written has to be flushed.
        """
        os._exit(code)

    def syslog(self, ident: str, line: str) -> None:
        """Send one line to the system log, where there is one."""
        if not os.path.exists("/dev/log"):
            return
        import syslog

        syslog.openlog(ident, syslog.LOG_PID, syslog.LOG_DAEMON)
        printable = line.encode(errors="replace").replace(b"\0", b"?").decode()
        syslog.syslog(syslog.LOG_INFO, printable)
        syslog.closelog()


HERE = Host()


def __getattr__(name: str) -> Any:
    """Load what describes programs and sockets from its module (PEP 562)."""
    if name == "Child":
        from .programs import Child

        return Child
    if name in ("CannotCopy", "Holder", "Listener"):
        from . import sockets

        return getattr(sockets, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
