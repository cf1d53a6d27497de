"""Whether any process executes a program: the kernel tells in one call."""

from __future__ import annotations

import _signal
import fcntl
import posix
import stat

from ...errors import translated
from ..files import resolved, upwards

_ELF = b"\x7fELF"  # what else can be executed is run by another program: execve(2)


@translated
class Unused:
    """What is known of a program without reading the processes of this machine."""

    def unused_version(self, path: str) -> tuple[int, ...] | None:
        """Return device, inode and ctime of a program that no process executes.

        Three numbers for each folder on the way to it follow: others, if one was renamed, also
        if it was renamed back. None if a process executes the program, or has the file open,
        or if the kernel does not tell; or if the path is a symbolic link, which may have led
        to another file meanwhile.

        A write lease is granted only if nobody else has the file open, and whoever executes
        a file has it open: fcntl(2). It is given back at once; who opens the file in
        between waits for that, and loses nothing.
        """
        try:
            fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
        except OSError:
            return None
        try:
            info = posix.fstat(fd)
            if not stat.S_ISREG(info.st_mode) or posix.pread(fd, len(_ELF), 0) != _ELF:
                return None
            if stat.S_ISLNK(posix.lstat(path).st_mode):
                return None
            way = [number for folder in _folders(path) for number in _place(folder)]
            # Instead of SIGIO, which ends a process: this one is ignored by default.
            fcntl.fcntl(fd, fcntl.F_SETSIG, _signal.SIGURG)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError:  # not ours to ask, or a file system without leases
            return None
        finally:
            posix.close(fd)
        return info.st_dev, info.st_ino, info.st_ctime_ns, *way


def _folders(path: str) -> dict[str, None]:
    """Return the folders and links above a file, as its path names them and as they are."""
    return dict.fromkeys([*upwards(path)[1:], *upwards(resolved(path))[1:]])


def _place(folder: str) -> tuple[int, int, int]:
    """Return device and inode of a folder, and its ctime if that is not of what stands in it.

    rename(2) sets the ctime alone; to make or to remove something in it sets the mtime, too.
    """
    info = posix.lstat(folder)
    of_its_content = stat.S_ISDIR(info.st_mode) and info.st_mtime_ns == info.st_ctime_ns
    return info.st_dev, info.st_ino, 0 if of_its_content else info.st_ctime_ns
