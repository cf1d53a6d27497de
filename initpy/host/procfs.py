"""What the text of /proc says, as plain values. Parsing only; nothing is opened here.

See proc(5).
"""

from __future__ import annotations

from ..value import Value


class Process(Value):
    """One live process. A pid alone may name another one tomorrow; this cannot."""

    pid: int
    started: int  # clock ticks since boot (field 22 of /proc/PID/stat)

    def __str__(self) -> str:
        """Return the pid, as it stands in messages."""
        return str(self.pid)


class ProcessFacts(Value):
    """What one look at a live process told."""

    process: Process
    ppid: int
    session: int
    state: str  # one letter, as ps(1) shows it
    uid: int  # the real user
    argv: tuple[str, ...]  # or the title that the program has put in its place
    exe: str | None  # path at the time of exec; None if we may not look
    nested: bool  # in a pid namespace below ours: a container's

    @property
    def title(self) -> str:
        """The command line as ps(1) shows it."""
        return " ".join(self.argv)


class SignalMasks(Value):
    """Which signals a process catches, ignores, blocks, and has not taken yet."""

    caught: int
    ignored: int
    blocked: int
    pending: int


def parse_stat(text: str) -> tuple[str, int, int, int]:
    """Return state, parent, session and start time of /proc/PID/stat.

    The name, in parentheses, may hold blanks and parentheses itself, so what
    counts begins after the last one.
    """
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[1]), int(fields[3]), int(fields[19])


def parse_cmdline(text: str) -> tuple[str, ...]:
    """Return the words of /proc/PID/cmdline.

    A program that writes a title over its arguments leaves the rest as NULs.
    """
    return tuple(text.rstrip("\0").split("\0")) if text.rstrip("\0") else ()


def parse_status(text: str) -> dict[str, str]:
    """Return the lines of /proc/PID/status by their names."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in lines}


def parse_masks(text: str) -> SignalMasks:
    """Return the signal masks of /proc/PID/status."""
    status = parse_status(text)
    return SignalMasks(
        caught=int(status["SigCgt"], 16),
        ignored=int(status["SigIgn"], 16),
        blocked=int(status["SigBlk"], 16),
        pending=int(status["SigPnd"], 16) | int(status["ShdPnd"], 16),
    )


def without_deleted(exe: str) -> str:
    """Return where a binary stood that may have been replaced since.

    >>> without_deleted("/usr/sbin/web (deleted)")
    '/usr/sbin/web'
    """
    mark = " (deleted)"
    return exe.removesuffix(mark)
