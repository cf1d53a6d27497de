"""The files to which a process appends: its logs, whatever their names are by now."""

from __future__ import annotations

import os
import stat

from ...errors import translated
from ...value import Value
from ..processes import Processes, read
from ..procfs import Process, status_line

_GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)
_SOCKET = "socket:["
_REMOVED = " (deleted)"  # the end of the link to a file without a name: proc(5)
_MEMORY = "/memfd:"  # it never had a path, and so is no log that was rotated: memfd_create(2)
_TRIES = 3  # at a descriptor that is closed and opened again meanwhile
_END = b"."  # what a child of ours says last, if it has seen everything


class AppendedFile(Value):
    """A regular file that a process has open with O_APPEND."""

    fd: int
    file: tuple[int, int]  # device and inode
    path: str  # its present path; that of a removed one ends in " (deleted)"
    removed: bool = False  # no path leads to it any more


class NamelessFile(Value):
    """A regular file that a process has open, and that has no path any more."""

    path: str  # that it had
    mode: int  # its permission bits
    modified: float  # seconds since the epoch, as utime(2) has set them


class Descriptors(Value):
    """What a process has open, as far as its logs are concerned."""

    appended: tuple[AppendedFile, ...] = ()
    sockets: frozenset[int] = frozenset()  # inodes


@translated
class Logs(Processes):
    """The files to which this machine's processes append."""

    def descriptors(self, process: Process) -> Descriptors | None:
        """Return its sockets and the files to which it appends; None if we may not see them.

        ptrace(2) guards them. Without CAP_SYS_PTRACE a child of ours looks as the user of
        that process, which may see them, unless the process is not dumpable: see prctl(2).
        """
        try:
            found: Descriptors | None = _look(process.pid)
        except PermissionError:
            found = _look_as_its_user(process.pid)
        return found if self.alive(process) else Descriptors()

    def nameless_files(self, process: Process) -> tuple[NamelessFile, ...] | None:
        """Return the removed files that a process has open; None if we may not see them."""
        base = f"/proc/{process.pid}/fd"
        try:
            found = [_nameless(f"{base}/{name}") for name in os.listdir(base)]
        except _GONE:
            return ()
        except PermissionError:
            return None
        return tuple(one for one in found if one) if self.alive(process) else ()

    def size(self, path: str) -> int | None:
        """Return the size of a regular file in bytes, or None if it is not one."""
        try:
            info = os.stat(path)
        except OSError:
            return None
        return info.st_size if stat.S_ISREG(info.st_mode) else None

    def read_from(self, path: str, offset: int, most: int = 1 << 22) -> str:
        """Return at most *most* bytes of a file from *offset* on, or "" if it cannot be read.

        Who may write in its folder may put a FIFO there: nothing is waited for.
        """
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            return ""
        try:
            regular = stat.S_ISREG(os.fstat(fd).st_mode)
            return os.fsdecode(os.pread(fd, most, offset)) if regular else ""
        except OSError:
            return ""
        finally:
            os.close(fd)


def _nameless(descriptor: str) -> NamelessFile | None:
    """Return the removed file that a descriptor leads to; None if it is another, or closed."""
    try:
        path, end, _ = os.readlink(descriptor).rpartition(_REMOVED)
        if not end or not path.startswith("/"):
            return None
        info = os.stat(descriptor)
    except _GONE:
        return None
    mode = stat.S_IMODE(info.st_mode)
    return NamelessFile(path=path, mode=mode, modified=info.st_mtime)


def _look(pid: int) -> Descriptors:
    base = f"/proc/{pid}/fd"
    appended, sockets = [], set()
    try:
        names = os.listdir(base)
    except _GONE:
        return Descriptors()
    for name in names:
        for _ in range(_TRIES):
            try:
                link = os.readlink(f"{base}/{name}")
                if link.startswith(_SOCKET):
                    sockets.add(int(link[len(_SOCKET) : -1]))
                elif link.startswith("/") and not link.startswith(_MEMORY):
                    info = os.stat(f"{base}/{name}")
                    appends = _appends(f"/proc/{pid}/fdinfo/{name}")
                    if os.readlink(f"{base}/{name}") != link:
                        continue
                    if appends and stat.S_ISREG(info.st_mode):
                        appended.append(
                            AppendedFile(
                                fd=int(name),
                                file=(info.st_dev, info.st_ino),
                                path=link,
                                removed=info.st_nlink == 0,
                            )
                        )
            except _GONE:
                pass  # it has been closed
            break
    return Descriptors(appended=tuple(appended), sockets=frozenset(sockets))


def _appends(path: str) -> bool:
    """Tell by /proc/PID/fdinfo/N whether a file was opened with O_APPEND: proc(5)."""
    with open(path) as file:
        flags = next(line for line in file if line.startswith("flags:"))
    return bool(int(flags.split()[1], 8) & os.O_APPEND)


def _look_as_its_user(pid: int) -> Descriptors | None:
    """Look in a child of ours that has taken the user and group of that process."""
    from ..programs.forking import fork

    ours, theirs = os.pipe()
    child = fork()
    if child == 0:  # pragma: no cover - in the child of a fork
        try:
            os.close(ours)
            _become_user_of(pid)
            _write(theirs, _look(pid))
        finally:  # whatever happens, no copy of this program may go on
            os._exit(0)
    os.close(theirs)
    try:
        text = b"".join(iter(lambda: os.read(ours, 1 << 16), b""))
    finally:
        os.close(ours)
        os.waitpid(child, 0)
    return _parse(text)


def _become_user_of(pid: int) -> None:  # pragma: no cover - in the child of a fork
    status = read(f"/proc/{pid}/status")
    uid, gid = (int(status_line(status, name).split()[0]) for name in ("Uid", "Gid"))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _write(pipe: int, found: Descriptors) -> None:  # pragma: no cover - in the child of a fork
    """Write what the child has seen: fields end in a NUL, which no path holds."""
    fields = [" ".join(map(str, sorted(found.sockets)))]
    for one in found.appended:
        fields += [f"{one.fd} {one.file[0]} {one.file[1]} {one.removed:d}", one.path]
    text = os.fsencode("".join(f"{field}\0" for field in fields)) + _END
    while text:
        text = text[os.write(pipe, text) :]


def _parse(text: bytes) -> Descriptors | None:
    """Return what ``_write`` has written, or None if it has not come to its end."""
    if not text.endswith(_END):
        return None
    sockets, *fields = os.fsdecode(text).split("\0")[:-1]
    appended = []
    for numbers, path in zip(fields[::2], fields[1::2]):
        fd, device, inode, removed = map(int, numbers.split())
        appended.append(AppendedFile(fd=fd, file=(device, inode), path=path, removed=bool(removed)))
    return Descriptors(appended=tuple(appended), sockets=frozenset(map(int, sockets.split())))
