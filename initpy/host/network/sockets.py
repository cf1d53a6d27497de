"""Sockets: find those of a process, and copy those on which it listens."""

from __future__ import annotations

import errno
import os
import stat

from ...errors import InitError, translated
from ...value import Value
from ..processes import Processes
from ..procfs import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

_GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)
_EPOLL = "anon_inode:[eventpoll]"
_PIDFD_GETFD = 438  # the same number on every architecture; Linux 5.6
# The numbers below are left to a daemon that inherits the copies. With more than 1,024
# sockets php-fpm would find none for its select(2): fpm_unix_init_main.
_LOWEST = 64


class CannotCopy(InitError):
    """We may not copy the descriptors of that process, or the kernel cannot."""


class Listener(Value):
    """Our copy of a socket that another process listens on."""

    fd: int
    inode: int
    # Address and port as getsockname(2) returns them, without brackets, or the path:
    # "127.0.0.1:80", ":::80", "/run/x.sock". Two sockets may have one place (reuseport).
    place: str
    unix: bool
    datagram: bool = False  # SOCK_DGRAM, not SOCK_STREAM
    ipv6only: bool = False  # IPV6_V6ONLY
    reuseport: bool = False  # SO_REUSEPORT


@translated
class Sockets(Processes):
    """The sockets of this machine's processes."""

    def socket_inodes(self, process: Process) -> set[int]:
        """Return the inodes of its open sockets; an empty set if we may not see them."""
        try:
            inodes = set(_sockets(process).values())
        except PermissionError:
            return set()
        return inodes if self.alive(process) else set()

    def watched_sockets(self, process: Process) -> set[int] | None:
        """Return the inodes of the sockets that it watches by epoll(7), by its fdinfo: proc(5).

        None if we may not see them, or if it does not use epoll.
        """
        base = f"/proc/{process.pid}"
        watched: set[int] | None = None
        try:
            sockets = _sockets(process)
            for number in os.listdir(f"{base}/fd"):
                if os.readlink(f"{base}/fd/{number}") == _EPOLL:
                    with open(f"{base}/fdinfo/{number}") as file:
                        targets = [int(line.split()[1]) for line in file if line.startswith("tfd:")]
                    watched = (watched or set()) | {sockets[fd] for fd in targets if fd in sockets}
        except (*_GONE, PermissionError):
            return None
        return watched if self.alive(process) else None

    def copy_listeners(self, process: Process, known: set[int] | None = None) -> list[Listener]:
        """Copy every socket on which *process* waits for clients. See pidfd_getfd(2).

        known: inodes of sockets that are skipped; the inodes that were examined are added.
               Each worker may hold a socket to each other worker. To examine them all
               again for every worker would cost the square of the number of workers.

        A udp listener is a datagram socket that is bound and has no peer. Only sockets
        that root or we created are copied: another user must not choose the sockets of
        the new master. Programs that we start inherit a copy only if they are given it.
        Raises CannotCopy.
        """
        import _socket  # socket would load enum and selectors
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        known = set() if known is None else known
        pidfd = _pidfd(process)
        if pidfd is None:
            return []
        listeners: list[Listener] = []
        try:
            if not self.alive(process):
                return []
            for number, inode in _sockets(process, known).items():
                fd = _copy(libc, process, pidfd, number)
                if fd is None:
                    continue
                if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.close(fd)  # meanwhile the process has opened a file with this number
                    continue
                copy = _socket.socket(fileno=fd)
                known.add(inode)
                try:
                    if _listens(copy) and os.fstat(fd).st_uid in (0, os.geteuid()):
                        listener = _described(copy, inode)
                        fd = _above_lowest(copy.detach())
                        listeners.append(listener.replace(fd=fd))
                finally:
                    copy.close()
        except BaseException as exc:
            for listener in listeners:
                os.close(listener.fd)
            if isinstance(exc, PermissionError):
                raise _cannot_copy(process, exc.errno or 0) from exc
            raise
        finally:
            os.close(pidfd)
        return listeners

    def listening_places(self, process: Process) -> set[str] | None:
        """Return where *process* listens, as ``Listener.place``; None where we may not see."""
        try:
            listeners = self.copy_listeners(process)
        except CannotCopy:
            return None
        for listener in listeners:
            self.close(listener.fd)
        return {listener.place for listener in listeners}

    def close(self, fd: int) -> None:
        """Close a descriptor of ours."""
        os.close(fd)


def _pidfd(process: Process) -> int | None:
    """Return a pidfd of a process, or None if it is gone."""
    try:
        return os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    except OSError as exc:
        if exc.errno not in (errno.EPERM, errno.ENOSYS):
            raise
        raise _cannot_copy(process, exc.errno) from exc


def _copy(libc: Any, process: Process, pidfd: int, number: int) -> int | None:
    """Return our copy of its descriptor, or None if it has closed that."""
    import ctypes

    fd: int = libc.syscall(_PIDFD_GETFD, pidfd, number, 0)
    if fd >= 0:
        return fd
    reason = ctypes.get_errno()
    if reason in (errno.EBADF, errno.ESRCH):
        return None
    if reason in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        raise OSError(reason, os.strerror(reason))
    raise _cannot_copy(process, reason)


def _above_lowest(fd: int) -> int:
    """Give a descriptor a number that is not low, if our limit allows it; return the number."""
    import fcntl

    try:
        copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
    except OSError:  # the limit of open files: EINVAL, EMFILE
        return fd
    os.close(fd)
    return copy


def _cannot_copy(process: Process, reason: int) -> CannotCopy:
    return CannotCopy(f"the sockets of pid {process} cannot be copied: {os.strerror(reason)}")


def _sockets(process: Process, known: Collection[int] = ()) -> dict[int, int]:
    """Return the descriptors that are sockets, with their inodes, without those *known*."""
    base = f"/proc/{process.pid}/fd"
    found = {}
    try:
        for number in os.listdir(base):
            try:
                link = os.readlink(f"{base}/{number}")
            except _GONE:
                continue
            if link.startswith("socket:["):
                inode = int(link[len("socket:[") : -1])
                if inode not in known:
                    found[int(number)] = inode
    except _GONE:
        return {}
    return found


def _listens(copy: Any) -> bool:
    import _socket

    if copy.family not in (_socket.AF_INET, _socket.AF_INET6, _socket.AF_UNIX):
        return False
    if copy.type == _socket.SOCK_STREAM:
        return bool(copy.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN))
    if copy.type != _socket.SOCK_DGRAM or copy.family == _socket.AF_UNIX:
        return False
    try:
        copy.getpeername()
    except OSError:
        return bool(copy.getsockname()[1])
    return False


def _described(copy: Any, inode: int) -> Listener:
    import _socket

    name = copy.getsockname()
    if copy.family == _socket.AF_UNIX:
        return Listener(fd=copy.fileno(), inode=inode, place=str(name), unix=True)
    v6 = copy.family == _socket.AF_INET6
    return Listener(
        fd=copy.fileno(),
        inode=inode,
        place=f"{name[0]}:{name[1]}",
        unix=False,
        datagram=copy.type == _socket.SOCK_DGRAM,
        ipv6only=v6 and bool(copy.getsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY)),
        reuseport=bool(copy.getsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEPORT)),
    )
