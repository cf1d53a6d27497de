"""What a process sees: its root, its namespaces, its working directory.

See namespaces(7) and proc(5).
"""

from __future__ import annotations

import posix

from ..errors import translated
from .processes import read
from .procfs import status_line

_GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)


@translated
class Views:
    """Namespaces and roots of processes."""

    def boot_id(self) -> str:
        """Return the number of this boot, "?" if /proc has only processes: random(4), proc(5)."""
        try:
            return read("/proc/sys/kernel/random/boot_id").strip()
        except FileNotFoundError:
            return "?"

    def namespace(self, pid: int, kind: str) -> str | None:
        """Return the *kind* ("net", "mnt") of namespace of a process; None if we may not see."""
        try:
            return posix.readlink(f"/proc/{pid}/ns/{kind}")
        except (*_GONE, PermissionError):
            return None

    def session(self, pid: int) -> int:
        """Return the session of a process, or 0: field 6 of /proc/PID/stat."""
        try:
            return posix.getsid(pid)
        except (ProcessLookupError, PermissionError):
            return 0

    def root_file(self, pid: int) -> tuple[int, int] | None:
        """Return device and inode of a process's root directory; None if we may not see.

        Its link text says "/" in a chroot, too, so the directory itself is looked at.
        """
        try:
            info = posix.stat(f"/proc/{pid}/root")
        except (*_GONE, PermissionError):
            return None
        return info.st_dev, info.st_ino

    def root_mount(self, pid: int) -> int | None:
        """Return the number of the mount that a process has as its root; None if we may not see.

        Within one mount namespace it tells a chroot into a bind mount of / from /, which
        have the same device and inode.
        """
        try:
            root = posix.open(f"/proc/{pid}/root", posix.O_PATH | posix.O_DIRECTORY)
        except (*_GONE, PermissionError):
            return None
        try:
            facts = read(f"/proc/self/fdinfo/{root}")
        finally:
            posix.close(root)
        return int(status_line(facts, "mnt_id"))

    def working_directory(self, pid: int) -> str | None:
        """Return the working directory of a process, as a path below its root."""
        try:
            return posix.readlink(f"/proc/{pid}/cwd")
        except (*_GONE, PermissionError):
            return None
