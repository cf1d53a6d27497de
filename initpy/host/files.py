"""Files: read them, and tell whether another user could have written or replaced them."""

from __future__ import annotations

import _stat as stat  # what the module stat has of C; to load that takes longer than to use it
import posix  # os would load the classes of collections.abc, at the price of a third of a status
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
        flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_NOCTTY
        try:
            fd = posix.open(path, flags)
        except NO_FILE:
            return None
        except PermissionError as exc:
            raise NotPermitted(f"{path} cannot be read: {exc.strerror}") from exc
        except OSError as exc:
            if _is_any(exc, "EAGAIN"):  # fcntl(2): even for ever
                raise NotPermitted(f"{path} cannot be read: its owner has a lease on it") from exc
            if not _is_any(exc, "ELOOP", "ENXIO"):  # a link; a socket
                raise HostError(f"{path} cannot be read", exc) from exc
            try:
                return _facts(posix.lstat(path), "")
            except OSError:  # its directories contain a loop of links
                raise InitError(f"{path} cannot be read: {exc.strerror}") from exc
        try:
            info = posix.fstat(fd)
            regular = stat.S_ISREG(info.st_mode)
            return _facts(info, decoded(posix.read(fd, most)) if regular else "")
        finally:
            posix.close(fd)

    def version(self, path: str) -> tuple[int, int] | None:
        """Return inode and ctime of a file, or None if it does not exist.

        rename(2) sets the ctime, so a file that was renamed and renamed back has another.
        """
        try:
            info = posix.lstat(path)
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
            info = posix.stat(path)
        except (*NO_FILE, PermissionError):
            return None
        except OSError as exc:
            if _is_any(exc, "ELOOP", "ENAMETOOLONG"):
                return None
            raise
        return info.st_dev, info.st_ino

    def socket_file(self, path: str) -> tuple[int, int] | None:
        """Return device and inode of a unix socket that root or we own; None if it is none."""
        try:
            info = posix.lstat(path)
        except OSError:
            return None
        ours = stat.S_ISSOCK(info.st_mode) and info.st_uid in (0, posix.geteuid())
        return (info.st_dev, info.st_ino) if ours else None

    def realpath(self, path: str) -> str:
        """Return *path* with every symbolic link followed."""
        return resolved(path)

    def is_executable(self, path: str) -> bool:
        """Tell whether *path* is a regular file that we may execute, links followed."""
        try:
            regular = stat.S_ISREG(posix.stat(path).st_mode)
        except OSError:
            return False
        return regular and posix.access(path, posix.X_OK)

    def distrust(self, path: str) -> str:
        """Return why another user than root and us could replace *path*, or "".

        Every directory above it is checked, as written and with links resolved. A sticky
        directory (/tmp) is accepted: only the owner can replace a file in it, and
        ``distrust_file`` checks the owner.
        """
        directory = folder_of(path)
        chains = {*upwards(directory), *upwards(resolved(directory))}
        for step in sorted(chains):
            try:
                info = posix.stat(step)
            except OSError:
                continue
            if info.st_uid not in (0, posix.geteuid()):
                return f"{step} belongs to {user_name(info.st_uid)}"
            if info.st_mode & others_write(info) and not info.st_mode & stat.S_ISVTX:
                return f"{step} can be written by others"
        return ""

    def distrust_file(self, facts: FileFacts) -> str:
        """Return why another user than root and us could have written that file, or ""."""
        if facts.uid not in (0, posix.geteuid()):
            return f"it belongs to {user_name(facts.uid)}"
        return "it can be written by others" if facts.mode & 0o022 else ""

    def offer(self, fd: int, data: bytes) -> int:
        """Write to a standard stream what it takes at once; return how many bytes it took.

        Our caller shares the stream, so it is not made non-blocking: a pipe or a terminal
        is opened once more. Where that is refused (a socket) poll(2) tells if it takes any.
        """
        if stat.S_ISREG(posix.fstat(fd).st_mode):  # it has a position, which is shared, too
            return posix.write(fd, data)
        try:
            flags = posix.O_WRONLY | posix.O_NONBLOCK | posix.O_NOCTTY
            own = posix.open(f"/proc/self/fd/{fd}", flags)
        except OSError:
            return _write_polled(fd, data)
        try:
            return posix.write(own, data)
        except BlockingIOError:
            return 0
        finally:
            posix.close(own)

    def exists(self, path: str) -> bool:
        """Tell whether *path* exists; a dangling link exists, too."""
        try:
            posix.lstat(path)
        except OSError:
            return False
        return True


def _is_any(exc: OSError, *names: str) -> bool:
    """Tell whether an error is one of those."""
    import errno  # no status needs its 130 numbers

    return exc.errno in [getattr(errno, name) for name in names]


def _write_polled(fd: int, data: bytes) -> int:
    import select

    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return posix.write(fd, data[: select.PIPE_BUF]) if poll.poll(0) else 0


def user_name(uid: int) -> str:
    """Return the login name of a user, or the number if it has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _facts(info: posix.stat_result, text: str) -> FileFacts:
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
    while chain[-1] != folder_of(chain[-1]):
        chain.append(folder_of(chain[-1]))
    return chain


def folder_of(path: str) -> str:
    """Return the directory of an absolute path."""
    return path.rpartition("/")[0].rstrip("/") or "/"


def resolved(path: str) -> str:
    """Return *path* with every symbolic link followed."""
    step = ""
    for name in path.split("/")[1:]:
        step += f"/{name}"
        if name in ("", ".", "..") or _is_link(step):
            break
    else:
        if path.startswith("/"):
            return path
    from os.path import realpath

    return realpath(path)


def _is_link(path: str) -> bool:
    try:
        return stat.S_ISLNK(posix.lstat(path).st_mode)
    except OSError:  # as realpath(3py): it is not there, or cannot be seen
        return False


def decoded(data: bytes) -> str:
    """Return the text of what was read, as ``os.fsdecode``: written anew it is the same bytes."""
    return data.decode(sys.getfilesystemencoding(), "surrogateescape")


def others_write(info: posix.stat_result) -> int:
    """Return the permission bits by which another user than root may write a file."""
    return stat.S_IWOTH | (stat.S_IWGRP if info.st_gid else 0)  # group 0 counts as root
