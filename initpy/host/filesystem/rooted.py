"""The file that a path is to a process, below its own root: see openat2(2)."""

from __future__ import annotations

import ctypes
import errno
import os

from ...errors import NotPermitted, translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..procfs import Process

_GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)
_OPENAT2 = 437  # the same number on every architecture; Linux 5.6
_RESOLVE_IN_ROOT = 0x10
_TRIES = 100
_MOST_LINKS = 40  # as the kernel: path_resolution(7)


@translated
class Rooted:
    """Files as they are seen from inside a process."""

    def file_seen_by(self, process: Process, path: str) -> tuple[int, int] | None:
        """Return device and inode of what *path* is to a process; None if it is nothing to it.

        A plain stat(2) below /proc/PID/root would follow absolute links into our own
        root. Raises NotPermitted if we may not look.
        """
        fd = open_as_seen_by(process, path)
        if fd is None:
            return None
        try:
            info = os.fstat(fd)
        finally:
            os.close(fd)
        return info.st_dev, info.st_ino


def open_as_seen_by(process: Process, path: str) -> int | None:
    """Open *path* as a process sees it, below its root; None if it is nothing to it.

    Raises NotPermitted if we may not look.
    """
    try:
        root = os.open(f"/proc/{process.pid}/root", os.O_PATH | os.O_DIRECTORY)
    except _GONE:
        return None
    except PermissionError as exc:
        raise NotPermitted(f"the root of pid {process} cannot be seen") from exc
    try:
        return open_in_root(root, path)
    except PermissionError as exc:
        raise NotPermitted(f"{path} cannot be seen as pid {process} sees it") from exc
    finally:
        os.close(root)


def open_in_root(root: int, path: str) -> int | None:
    """Open *path* with the directory *root* as its root; None if there is nothing there.

    Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    how = (ctypes.c_uint64 * 3)(os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT)
    for _ in range(_TRIES):
        fd: int = libc.syscall(_OPENAT2, root, os.fsencode(path), how, ctypes.sizeof(how))
        if fd >= 0:
            return fd
        reason = ctypes.get_errno()
        if reason != errno.EAGAIN:  # something was renamed or mounted meanwhile, anywhere
            break
    if reason in (errno.ENOSYS, errno.EAGAIN):
        return walk_in_root(root, path)
    if reason in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
        return None
    raise OSError(reason, os.strerror(reason), path)


def walk_in_root(root: int, path: str) -> int | None:
    """Do what openat2(2) does with RESOLVE_IN_ROOT, link by link: before Linux 5.6."""
    trail = [os.dup(root)]  # descriptors of the directories from the root on
    names = path.split("/")[::-1]
    links = 0

    def up_to(length: int) -> None:
        while trail[length:]:
            os.close(trail.pop())

    try:
        while names and links <= _MOST_LINKS:
            name = names.pop()
            if name in ("", ".", ".."):
                # FILE/ and FILE/.. are nothing
                os.close(os.open(".", os.O_PATH, dir_fd=trail[-1]))
                if name == "..":
                    up_to(max(len(trail) - 1, 1))
            else:
                trail.append(os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=trail[-1]))
                target = _link_text(trail[-1])
                if target:
                    links += 1
                    names += target.split("/")[::-1]
                    up_to(1 if target.startswith("/") else len(trail) - 1)
        return None if names else os.dup(trail[-1])
    except _GONE:
        return None
    finally:
        up_to(0)


def _link_text(fd: int) -> str:
    """Return where a symbolic link leads that was opened with O_PATH, or "" if it is none."""
    try:
        return os.readlink("", dir_fd=fd)
    except OSError:
        return ""
