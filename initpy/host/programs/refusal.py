"""Why a program was not executed: it, or this machine at the moment."""

from __future__ import annotations

import errno
import os

from ...errors import HostError, Refused

# Why execve(2), or what comes before it, fails on a machine that lacks something.
_LACKS = (
    *(errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOSPC),
    errno.ESRCH,  # what was to execute it has been killed
)


def unprepared(why: Exception, directory: str = "/") -> bytes:
    """Say which system call failed before execve(2): its errno, if this machine lacks something.

    directory: the working directory, which may be what failed.
    """
    number = getattr(why, "errno", None)
    if number in _LACKS:
        return b"%d" % number
    if number is not None and getattr(why, "filename", None) == directory:  # chdir(2)
        return b"directory %d" % number
    return b"unprepared"


def refused(why: str, program: str) -> HostError:
    """Return the error of a program that was not executed: *why* as ``unprepared`` says it."""
    if not why.isdigit():
        said, _, number = why.partition(" ")
        what = "its limits, nice level or user cannot be set"
        if said == "directory":
            what = f"its working directory cannot be entered: {os.strerror(int(number))}"
        why_not = OSError(int(number or errno.EPERM), what)
        return Refused(f"{program} cannot be executed", why_not)
    kind = HostError if int(why) in _LACKS else Refused
    return kind(f"{program} cannot be executed", OSError(int(why), os.strerror(int(why)), program))
