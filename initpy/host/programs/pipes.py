"""Pipes between a process and its children, which go on being read when it is ended.

A write to a pipe that nothing reads is an error (EPIPE, pipe(7)), and kills a program that
does not ignore SIGPIPE. So before the reader is ended, a process of ours, the relay, opens
the same pipes. It appends what it reads to the reader's standard error, which is its log,
and ends when every writer has closed them.

    worker --stdout, stderr--> pipes --> relay --> log
"""

from __future__ import annotations

import os
import stat
import time

from ...errors import InitError, translated
from ...value import Value
from ..processes import Processes
from ..procfs import Process
from .forking import fork
from .output import above_standard
from .spawn import keep_only, null, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)
_PIPE = "pipe:["
_EPOLL = "anon_inode:[eventpoll]"
_STREAMS = (1, 2)
_LOG = 2  # the reader's standard error
_MOST = 4096  # bytes of a line that are kept; a longer one is handed on in parts
_SPARE = 64  # descriptors beside the pipes
_READS = b"+"  # what the relay answers when it has opened every pipe


class Pipe(Value):
    """A pipe that a process reads, and which of its children's standard streams leads to it."""

    fd: int  # of the reader
    inode: int
    writer: Process | None = None  # None if we may not see it, or it has just ended
    stream: int = 0  # of the writer: 1 standard output, 2 standard error; 0 without a writer


@translated
class Pipes(Processes):
    """The pipes of this machine's processes."""

    def pipes_between(self, reader: Process, writers: Iterable[Process]) -> list[Pipe]:
        """Return the pipes that *reader* reads and *writers* write to.

        The standard streams of *writers* lead to them. Where we may not see those, which
        ptrace(2) guards, *reader* waits for such a pipe with epoll(7), and does not hold its
        other end. A pipe that *reader* only holds may be another's.
        """
        modes = {fd: (inode, _mode(reader.pid, fd)) for fd, inode in _pipes(reader.pid)}
        ends = {inode: fd for fd, (inode, mode) in modes.items() if mode == "read"}
        if not ends:
            return []
        found = {
            inode: Pipe(fd=ends[inode], inode=inode, writer=writer, stream=stream)
            for writer in writers
            for stream, inode in _pipes(writer.pid, _STREAMS)
            if inode in ends and _mode(writer.pid, stream) == "write" and self.alive(writer)
        }
        own = {inode for inode, mode in modes.values() if mode != "read"}
        for inode in _awaited(reader.pid) & (ends.keys() - found.keys() - own):
            found[inode] = Pipe(fd=ends[inode], inode=inode)
        return list(found.values()) if self.alive(reader) else []

    def relay(
        self,
        reader: Process,
        pipes: Sequence[Pipe],
        logged: Callable[[Pipe, bytes, Callable[[str], str]], bytes],
    ) -> None:
        """Have *pipes* read, besides by *reader*, until all their writers have closed them.

        reader: it is stopped, so that its descriptors are still those of *pipes*.
        logged: returns what is appended to the log for a line, without its end, or for a part
                of 4 KiB of a longer one. It is given strftime(3) of the present local time.

        The relay holds nothing else of ours, and goes on when we end. It is adopted by init.
        When this returns it reads. Raises InitError.
        """
        # Now, and not in the relay: the library may be replaced meanwhile.
        import resource  # noqa: F401
        import select  # noqa: F401

        answer, telling = map(above_standard, os.pipe())
        child = fork()
        if child == 0:  # pragma: no cover - in the child of a fork
            try:
                if os.fork() == 0:
                    _relay(self, reader, pipes, logged, telling)
            finally:  # whatever happens, no copy of this program may go on
                os._exit(0)
        os.close(telling)
        try:
            os.waitpid(child, 0)
            said = os.read(answer, 1024)
        finally:
            os.close(answer)
        if said != _READS:
            raise InitError(said.decode() or "the process that was to read them has ended")


def _pipes(pid: int, numbers: Sequence[int] = ()) -> list[tuple[int, int]]:
    """Return the descriptors that are pipes, with their inodes; all of them without *numbers*."""
    base = f"/proc/{pid}/fd"
    found = []
    try:
        for number in numbers or map(int, os.listdir(base)):
            try:
                link = os.readlink(f"{base}/{number}")
            except FileNotFoundError:
                continue
            if link.startswith(_PIPE):
                found.append((number, int(link[len(_PIPE) : -1])))
    except (*_GONE, PermissionError):
        return []
    return found


def _awaited(pid: int) -> set[int]:
    """Return the inodes for which a process waits with epoll(7): proc(5), fdinfo."""
    found: set[int] = set()
    base = f"/proc/{pid}"
    try:
        for fd in os.listdir(f"{base}/fd"):
            if os.readlink(f"{base}/fd/{fd}") == _EPOLL:
                with open(f"{base}/fdinfo/{fd}") as file:
                    lines = [line for line in file if line.startswith("tfd:")]
                inodes = (line.partition(" ino:")[2].split() for line in lines)
                found.update(int(words[0], 16) for words in inodes if words)
    except _GONE:
        return set()
    return found


def _mode(pid: int, fd: int) -> str:
    """Tell by /proc/PID/fdinfo/N whether a descriptor is open to "read", "write" or "both"."""
    try:
        with open(f"/proc/{pid}/fdinfo/{fd}") as file:
            flags = next(line for line in file if line.startswith("flags:"))
    except _GONE:
        return ""
    return ("read", "write", "both", "")[int(flags.split()[1], 8) & os.O_ACCMODE]


def _relay(
    host: Processes,
    reader: Process,
    pipes: Sequence[Pipe],
    logged: Callable[[Pipe, bytes, Callable[[str], str]], bytes],
    telling: int,
) -> None:  # pragma: no cover - in the child of a fork
    """Open the pipes, answer, and read them to their ends."""
    import _signal

    try:
        os.setsid()  # no terminal reaches it
        prepare(null(), telling, ())
        _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
        keep_only(telling)
        os.environ.pop("TZ", None)  # our caller's; the daemon has a clean environment
        time.tzset()
        _allow_descriptors(len(pipes) + _SPARE)
        log = _open_log(reader)
        opened = {fd: pipe for pipe in pipes if (fd := _open(reader, pipe)) is not None}
        if not host.alive(reader):
            raise ProcessLookupError(f"process {reader} is gone")
    except (OSError, ValueError) as exc:  # ValueError: a limit that may not be raised
        os.write(telling, (getattr(exc, "strerror", "") or str(exc)).encode())
        return
    os.write(telling, _READS)
    os.close(telling)
    _read(opened, lambda pipe, said: _append(log, logged(pipe, said, time.strftime)))


def _allow_descriptors(number: int) -> None:  # pragma: no cover - as above
    """Raise our limit to *number* descriptors: the reader has as many, so the kernel allows it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, max(number, hard)))


def _open(reader: Process, pipe: Pipe) -> int | None:  # pragma: no cover - as above
    """Open the same pipe: by /proc, which leads to the pipe itself. None if it is another one.

    Unlike a copy by pidfd_getfd(2) it has flags of its own, and needs no right to trace.
    """
    fd = os.open(f"/proc/{reader.pid}/fd/{pipe.fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    info = os.fstat(fd)
    if stat.S_ISFIFO(info.st_mode) and info.st_ino == pipe.inode:
        return fd
    os.close(fd)
    return None


def _open_log(reader: Process) -> int:  # pragma: no cover - as above
    """Open the reader's log, whatever path leads to it by now."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(f"/proc/{reader.pid}/fd/{_LOG}", flags)
    except OSError:  # closed, or a socket
        return os.open(os.devnull, flags)


def _append(log: int, text: bytes) -> None:  # pragma: no cover - as above
    try:
        os.write(log, text)
    except OSError:  # a full disk: the workers are to go on all the same
        return


def _read(
    opened: dict[int, Pipe], line: Callable[[Pipe, bytes], None]
) -> None:  # pragma: no cover - as above
    """Read the pipes until each is at its end; hand on what was read line by line."""
    import select

    ready = select.epoll()
    for fd in opened:
        ready.register(fd, select.EPOLLIN)
    begun = dict.fromkeys(opened, b"")
    while opened:
        for fd, _ in ready.poll():
            try:
                read = os.read(fd, _MOST)
            except BlockingIOError:
                continue
            *lines, rest = (begun[fd] + read).split(b"\n")
            if not read or len(rest) >= _MOST:
                lines, rest = [*lines, rest], b""
            begun[fd] = rest
            for one in filter(None, lines):
                line(opened[fd], one)
            if not read:
                del opened[fd], begun[fd]
                os.close(fd)
