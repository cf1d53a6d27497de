"""Whether any process executes a program: the kernel tells in one call."""

from __future__ import annotations

import _signal
import fcntl
import posix
import stat

from ...errors import translated

_ELF = b"\x7fELF"  # what else can be executed is run by another program: execve(2)


@translated
class Unused:
    """What is known of a program without reading the processes of this machine."""

    def unused_version(self, path: str) -> tuple[int, int, int] | None:
        """Return device, inode and ctime of a program that no process executes.

        None if one does, or has the file open, or if the kernel does not tell.

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
            # Instead of SIGIO, which ends a process: this one is ignored by default.
            fcntl.fcntl(fd, fcntl.F_SETSIG, _signal.SIGURG)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError:  # not ours to ask, or a file system without leases
            return None
        finally:
            posix.close(fd)
        return info.st_dev, info.st_ino, info.st_ctime_ns
