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


def unprepared(why: Exception) -> bytes:
    """Return the errno of a system call that failed before execve(2); that of limits is EPERM."""
    number = getattr(why, "errno", None)
    return b"%d" % number if number in _LACKS else b"unprepared"


def refused(why: str, program: str) -> HostError:
    """Return the error of a program that was not executed: *why* is an errno, or "unprepared"."""
    if not why.isdigit():
        why_not = OSError(errno.EPERM, "its limits or nice level cannot be set")
        return Refused(f"{program} cannot be executed", why_not)
    kind = HostError if int(why) in _LACKS else Refused
    return kind(f"{program} cannot be executed", OSError(int(why), os.strerror(int(why)), program))
