"""Parse the files of /proc into plain values. Nothing is opened here. See proc(5)."""

from __future__ import annotations

from ..value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


_MOST = 8  # processes that a message names


class Process(Value):
    """One process. The kernel reuses a pid, but not a pid together with a start time."""

    pid: int
    started: int  # clock ticks since boot (field 22 of /proc/PID/stat)

    def __str__(self) -> str:
        """Return the pid, for messages."""
        return str(self.pid)

    # As a value does, which takes five times as long: processes are sought among thousands.

    def __eq__(self, other: object) -> bool:
        if type(other) is not Process:
            return NotImplemented
        return self.pid == other.pid and self.started == other.started

    def __hash__(self) -> int:
        return hash((self.pid, self.started))


def pids_of(processes: Sequence[Process]) -> str:
    """Return the pids of *processes* for a message, which is not to be longer than a line.

    >>> pids_of([Process(pid=pid, started=1) for pid in range(20, 30)])
    '20, 21, 22, 23, 24, 25, 26, 27, ...'
    """
    more = ["..."] if processes[_MOST:] else []
    return ", ".join([*map(str, processes[:_MOST]), *more])


class ProcessFacts(Value):
    """The facts about a live process, as they were at one moment."""

    process: Process
    ppid: int
    session: int
    state: str  # one letter, as ps(1) shows it
    uid: int  # the real user id
    argv: tuple[str, ...]  # or the title that the program has written over it
    exe: str | None  # path at the time of exec; None if we may not see it
    nested: bool  # it runs in a pid namespace below ours: in a container
    forked: bool = False  # it was forked and has executed nothing since (PF_FORKNOEXEC)
    comm: str = ""  # the name that the kernel has for it

    @property
    def title(self) -> str:
        """The command line as ps(1) shows it."""
        return " ".join(self.argv)


class SignalMasks(Value):
    """The signals that a process catches, ignores and blocks, and that are pending, as bits.

    Beside them, of the same moment: its name, its state, and how often it was taken from a
    processor or has left it.
    """

    caught: int
    ignored: int
    blocked: int
    pending: int
    state: str = "S"  # one letter, as ps(1) shows it
    switches: int = 0
    comm: str = ""  # the name that the kernel has for it


def parse_stat(text: str) -> tuple[str, int, int, int]:
    """Return state, parent, session and start time of /proc/PID/stat.

    The name stands in parentheses and may contain blanks and parentheses itself, so the
    fields are counted from the last parenthesis on. The state is that of the first thread; a
    process of which that has ended (Z), and others run, is running: R.
    """
    fields = text[text.rindex(")") + 2 :].split()
    state = "R" if int(fields[17]) > 1 and fields[0] == "Z" else fields[0]
    return state, int(fields[1]), int(fields[3]), int(fields[19])


FORKED = 0x40  # PF_FORKNOEXEC: it has executed nothing since it was forked
EXITING = 0x4  # PF_EXITING: its first thread exits, and has no memory any more, or soon


def parse_flags(text: str) -> int:
    """Return the flags in /proc/PID/stat, field 9: FORKED, EXITING, and others."""
    return int(text[text.rindex(")") + 2 :].split()[6])


def parse_cmdline(text: str) -> tuple[str, ...]:
    """Return the words of /proc/PID/cmdline.

    A program that writes a title over its arguments fills the rest with NULs.
    """
    return tuple(text.rstrip("\0").split("\0")) if text.rstrip("\0") else ()


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a file of /proc, which end with a newline and with nothing else.

    The name of a cgroup and a path may hold what ends a line for ``str.splitlines``.

    >>> lines_of("0::/a\rb\n")
    ['0::/a\rb']
    """
    return [line for line in text.split("\n") if line]


def status_line(text: str, name: str, default: str | None = None) -> str:
    """Return the line of that name in /proc/PID/status; KeyError if it has none, nor a default.

    Of its sixty lines a look needs three, and the signals nine. The first, which is the
    process's own name, holds no newline: the kernel escapes it. It may hold a carriage
    return, so *text* has to be as it was read, without universal newlines.
    """
    _, found, rest = f"\n{text}".partition(f"\n{name}:")
    if found:
        return rest.partition("\n")[0].strip()
    if default is None:
        raise KeyError(name)
    return default


def parse_masks(text: str) -> SignalMasks:
    """Return the signal masks of /proc/PID/status."""

    def mask(name: str) -> int:
        return int(status_line(text, name), 16)

    switches = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
    return SignalMasks(
        caught=mask("SigCgt"),
        ignored=mask("SigIgn"),
        blocked=mask("SigBlk"),
        pending=mask("SigPnd") | mask("ShdPnd"),
        state=status_line(text, "State")[0],
        switches=sum(int(status_line(text, name)) for name in switches),
        comm=status_line(text, "Name"),
    )


def without_deleted(exe: str) -> str:
    """Return the path of a binary without the mark of a file that was removed.

    >>> without_deleted("/usr/sbin/web (deleted)")
    '/usr/sbin/web'
    """
    mark = " (deleted)"
    return exe.removesuffix(mark)
