"""Files: read them, and tell whether another user could have written or replaced them."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time

from ..errors import HostError, InitError, NotPermitted, translated
from ..value import Value

NO_FILE = (FileNotFoundError, NotADirectoryError)


class FileFacts(Value):
    """The facts about a file, as they were at one moment."""

    regular: bool
    uid: int
    mode: int  # permission bits
    size: int  # bytes
    version: tuple[int, int]  # inode and ctime; it changes if the file is replaced or renamed
    text: str  # the beginning of a regular file
    fixed: bool = False  # a directory or a device, which must not be replaced


@translated
class Files:
    """The files of this machine."""

    def examine(self, path: str, most: int) -> FileFacts | None:
        """Return the facts about a file, with its first *most* bytes. None if it does not exist.

        Safe on any kind of file: a FIFO does not block, a symbolic link is not followed.
        Raises NotPermitted, or InitError if it cannot be read; HostError if that may pass.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        try:
            fd = os.open(path, flags)
        except NO_FILE:
            return None
        except PermissionError as exc:
            raise NotPermitted(f"{path} cannot be read: {exc.strerror}") from exc
        except OSError as exc:
            if exc.errno not in (errno.ELOOP, errno.ENXIO):  # a link; a socket
                raise HostError(f"{path} cannot be read", exc) from exc
            try:
                return _facts(os.lstat(path), "")
            except OSError:  # its directories contain a loop of links
                raise InitError(f"{path} cannot be read: {exc.strerror}") from exc
        try:
            info = os.fstat(fd)
            regular = stat.S_ISREG(info.st_mode)
            return _facts(info, os.fsdecode(os.read(fd, most)) if regular else "")
        finally:
            os.close(fd)

    def version(self, path: str) -> tuple[int, int] | None:
        """Return inode and ctime of a file, or None if it does not exist.

        rename(2) sets the ctime, so a file that was renamed and renamed back has another.
        """
        try:
            info = os.lstat(path)
        except (*NO_FILE, PermissionError):
            return None
        return info.st_ino, info.st_ctime_ns

    def file_age(self, path: str) -> float | None:
        """Return the seconds since a file was last changed (ctime); None if it does not exist."""
        version = self.version(path)
        return None if version is None else time.time() - version[1] / 1e9

    def file_id(self, path: str) -> tuple[int, int] | None:
        """Return device and inode of a file, links followed, or None if it does not exist."""
        try:
            info = os.stat(path)
        except (*NO_FILE, PermissionError):
            return None
        except OSError as exc:
            if exc.errno in (errno.ELOOP, errno.ENAMETOOLONG):
                return None
            raise
        return info.st_dev, info.st_ino

    def socket_file(self, path: str) -> tuple[int, int] | None:
        """Return device and inode of a unix socket that root or we own; None if it is none."""
        try:
            info = os.lstat(path)
        except OSError:
            return None
        ours = stat.S_ISSOCK(info.st_mode) and info.st_uid in (0, os.geteuid())
        return (info.st_dev, info.st_ino) if ours else None

    def realpath(self, path: str) -> str:
        """Return *path* with every symbolic link followed."""
        return os.path.realpath(path)

    def is_executable(self, path: str) -> bool:
        """Tell whether *path* is a regular file that we may execute, links followed."""
        return os.path.isfile(path) and os.access(path, os.X_OK)

    def distrust(self, path: str) -> str:
        """Return why another user than root and us could replace *path*, or "".

        Every directory above it is checked, as written and with links resolved. A sticky
        directory (/tmp) is accepted: only the owner can replace a file in it, and
        ``distrust_file`` checks the owner.
        """
        directory = os.path.dirname(path)
        chains = {*upwards(directory), *upwards(os.path.realpath(directory))}
        for step in sorted(chains):
            try:
                info = os.stat(step)
            except OSError:
                continue
            if info.st_uid not in (0, os.geteuid()):
                return f"{step} belongs to {user_name(info.st_uid)}"
            if info.st_mode & _others_write(info) and not info.st_mode & stat.S_ISVTX:
                return f"{step} can be written by others"
        return ""

    def distrust_for_root(self, path: str) -> str:
        """Return why another user than root could change or replace *path*, or ""."""
        try:
            info = os.stat(path)
        except OSError as exc:
            return str(exc.strerror)
        if info.st_uid != 0:
            return f"it belongs to {user_name(info.st_uid)}"
        if info.st_mode & _others_write(info):
            return "it can be written by others"
        return self.distrust(path)

    def distrust_file(self, facts: FileFacts) -> str:
        """Return why another user than root and us could have written that file, or ""."""
        if facts.uid not in (0, os.geteuid()):
            return f"it belongs to {user_name(facts.uid)}"
        return "it can be written by others" if facts.mode & 0o022 else ""

    def size(self, path: str) -> int | None:
        """Return the size of a regular file in bytes, or None if it is not one."""
        try:
            info = os.stat(path)
        except OSError:
            return None
        return info.st_size if stat.S_ISREG(info.st_mode) else None

    def read_from(self, path: str, offset: int, most: int = 1 << 22) -> str:
        """Return at most *most* bytes of a file from *offset* on, or "" if it cannot be read."""
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                return file.read(most).decode(errors="replace")
        except OSError:
            return ""

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that match a shell pattern, sorted."""
        if not any(sign in pattern for sign in "*?["):
            return [pattern] if os.path.exists(pattern) else []
        import glob

        return sorted(glob.glob(pattern))

    def offer(self, fd: int, data: bytes) -> int:
        """Write to a standard stream what it takes at once; return how many bytes it took.

        Our caller shares the stream, so it is not made non-blocking: a pipe or a terminal
        is opened once more. Where that is refused (a socket) poll(2) tells if it takes any.
        """
        if stat.S_ISREG(os.fstat(fd).st_mode):  # it has a position, which is shared, too
            return os.write(fd, data)
        try:
            own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            return _write_polled(fd, data)
        try:
            return os.write(own, data)
        except BlockingIOError:
            return 0
        finally:
            os.close(own)

    def exists(self, path: str) -> bool:
        """Tell whether *path* exists; a dangling link exists, too."""
        return os.path.lexists(path)


def _write_polled(fd: int, data: bytes) -> int:
    import select

    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return os.write(fd, data[: select.PIPE_BUF]) if poll.poll(0) else 0


def source_of(module: str) -> str:
    """Return the source of a Python module, or "" if it does not exist.

    It is searched where ``import`` would search, and it is not executed.
    """
    loaded = getattr(sys.modules.get(module), "__file__", None)
    path = module.replace(".", "/")
    folders = [__file__.rpartition("/initpy/")[0], *sys.path]
    candidates = [f"{folder}/{path}{end}" for folder in folders for end in (".py", "/__init__.py")]
    for candidate in [loaded] if loaded else candidates:
        try:
            with open(candidate, "rb") as file:
                return file.read().decode(errors="replace")
        except OSError:
            continue
    return ""


def user_name(uid: int) -> str:
    """Return the login name of a user, or the number if it has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _facts(info: os.stat_result, text: str) -> FileFacts:
    return FileFacts(
        regular=stat.S_ISREG(info.st_mode),
        uid=info.st_uid,
        mode=stat.S_IMODE(info.st_mode),
        size=info.st_size,
        version=(info.st_ino, info.st_ctime_ns),
        text=text,
        fixed=stat.S_IFMT(info.st_mode) in (stat.S_IFDIR, stat.S_IFCHR, stat.S_IFBLK),
    )


def upwards(directory: str) -> list[str]:
    """Return a directory and every one above it."""
    chain = [directory]
    while chain[-1] != os.path.dirname(chain[-1]):
        chain.append(os.path.dirname(chain[-1]))
    return chain


def _others_write(info: os.stat_result) -> int:
    return stat.S_IWOTH | (stat.S_IWGRP if info.st_gid else 0)  # group 0 counts as root
