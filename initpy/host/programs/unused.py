"""Whether any process executes a program: the kernel tells in one call."""

from __future__ import annotations

import _signal
import fcntl
import posix
import stat

from ...errors import translated
from ..files import upwards

_ELF = b"\x7fELF"  # what else can be executed is run by another program: execve(2)


@translated
class Unused:
    """What is known of a program without reading the processes of this machine."""

    def unused_version(self, path: str) -> tuple[int, ...] | None:
        """Return device, inode and ctime of a program that no process executes.

        The same of each folder above it follows: to rename one changes what stands at the
        path, and not the program. None if a process executes it, or has the file open, or if
        the kernel does not tell; or if the path leads through a symbolic link, which may have
        led elsewhere meanwhile.

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
            way = [posix.lstat(step) for step in upwards(path)]
            if any(stat.S_ISLNK(one.st_mode) for one in way):
                return None
            # Instead of SIGIO, which ends a process: this one is ignored by default.
            fcntl.fcntl(fd, fcntl.F_SETSIG, _signal.SIGURG)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError:  # not ours to ask, or a file system without leases
            return None
        finally:
            posix.close(fd)
        found = (info, *way[1:])
        return tuple(n for one in found for n in (one.st_dev, one.st_ino, one.st_ctime_ns))
