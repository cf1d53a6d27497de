"""What a program says, in a file in memory: memfd_create(2)."""

from __future__ import annotations

import os

STANDARD = (0, 1, 2)


def above_standard(fd: int) -> int:
    """Return *fd*; if it has the number of a standard stream, replace it by a copy."""
    if fd not in STANDARD:
        return fd
    import fcntl

    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, len(STANDARD))
    os.close(fd)
    return copy


def output_file() -> int:
    """Return a file in memory for what a program says, which ``seal`` can seal."""
    return above_standard(os.memfd_create("output", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))


def tail(output: int, most: int) -> str:
    """Return the last *most* bytes of what was written there."""
    start = max(0, os.fstat(output).st_size - most)
    return os.fsdecode(os.pread(output, most, start)).strip()


def seal(output: int, most: int) -> None:
    """Keep the first *most* bytes. A write that would add to them is EPERM: fcntl(2)."""
    import fcntl

    if os.fstat(output).st_size > most:
        os.truncate(output, most)
    fcntl.fcntl(output, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
