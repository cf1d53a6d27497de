"""What a daemon tells of itself: sd_notify(3). It is heard at a socket of ours.

The daemon sends datagrams to the path in its variable NOTIFY_SOCKET. The kernel says which
process has sent one (SCM_CREDENTIALS, unix(7)); what another process sends is not heard.
"""

from __future__ import annotations

import contextlib
import os
import stat

from ...errors import InitError, translated
from ..processes import Processes
from ..procfs import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# A daemon of any user reaches its socket there; only root lists or makes one.
DIRECTORY = "/run/initpy-notify"
_MODE = 0o711
_MOST = 4096  # bytes of a message
_CREDENTIALS = 12  # bytes of a struct ucred
_FDS = 1024  # bytes for the descriptors that may come with a message
_MOST_MESSAGES = 256  # that one look reads


@translated
class Notifications:
    """The notices of this machine's daemons."""

    def notice_socket(self, path: str = "") -> NoticeSocket:
        """Return a new socket at a path that no other has, or again at *path*.

        Raises InitError if it cannot be made; *path* has to be one that we have made before.
        """
        _require_directory()
        _remove_stale()
        if path and os.path.dirname(path) != DIRECTORY:
            raise InitError(f"{path} is not a socket of ours")
        return NoticeSocket(path or f"{DIRECTORY}/{os.urandom(8).hex()}")


@translated
class NoticeSocket:
    """A socket at which a daemon is heard."""

    def __init__(self, path: str) -> None:
        """Make the socket."""
        import _socket  # socket would load enum and selectors

        self.path = path
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
            self._socket.setblocking(False)
            self._socket.bind(path)
            os.chmod(path, 0o666)  # noqa: S103 - the daemon's user is not ours
        except BaseException:
            self._socket.close()
            raise

    def receive(self, accepts: Callable[[Process], bool]) -> list[str]:
        """Return the messages that have come, of the processes that are accepted.

        accepts: is asked while the sender may still wait for our answer (sd_notify_barrier(3)):
                 the descriptors that came with its message are closed afterwards.
        """
        import _socket

        said = []
        space = _socket.CMSG_SPACE(_CREDENTIALS) + _socket.CMSG_SPACE(_FDS)
        for _ in range(_MOST_MESSAGES):
            try:
                text, ancillary, _, _ = self._socket.recvmsg(_MOST, space, _socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                break
            sender, fds = _parts(ancillary)
            try:
                if sender is not None and accepts(sender) and Processes().alive(sender):
                    said.append(os.fsdecode(text))
            finally:
                _close_apart(*fds)
        return said

    def close(self) -> None:
        """Close it, and remove its path."""
        _close_apart(self._socket.detach())  # descriptors may have come that nobody has read
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return


def _close_apart(*fds: int) -> None:
    """Close what others may have chosen, in a thread: a socket may linger for years, socket(7)."""
    from _thread import start_new_thread

    def close() -> None:
        for fd in fds:
            with contextlib.suppress(OSError):
                os.close(fd)

    if fds:
        try:
            start_new_thread(close, ())
        except RuntimeError:  # there are too many processes: they are closed when this one ends
            return


def _parts(ancillary: list[Any]) -> tuple[Process | None, list[int]]:
    """Return the process that has sent a message, if it lives, and descriptors from it."""
    import _socket
    from struct import iter_unpack, unpack_from

    pid, fds = 0, []
    for level, kind, data in ancillary:
        if level != _socket.SOL_SOCKET:
            continue
        if kind == _socket.SCM_CREDENTIALS:
            (pid,) = unpack_from("=i", data)
        elif kind == _socket.SCM_RIGHTS:
            fds += [fd for (fd,) in iter_unpack("=i", data[: len(data) // 4 * 4])]
    return (Processes().find(pid) if pid else None), fds


def _require_directory() -> None:
    try:
        os.mkdir(DIRECTORY, _MODE)
        os.chmod(DIRECTORY, _MODE)
    except FileExistsError:
        pass
    info = os.lstat(DIRECTORY)
    if not stat.S_ISDIR(info.st_mode) or info.st_uid not in (0, os.geteuid()):
        raise InitError(f"{DIRECTORY} is not a directory that root owns: no daemon is heard there")
    if stat.S_IMODE(info.st_mode) != _MODE:
        os.chmod(DIRECTORY, _MODE)


def _remove_stale() -> None:
    """Remove what killed scripts have left: a socket that nothing has refuses connections."""
    import _socket

    for name in os.listdir(DIRECTORY):
        trial = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            trial.connect(f"{DIRECTORY}/{name}")
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):  # another action removes them, too
                os.unlink(f"{DIRECTORY}/{name}")
        except OSError:
            continue
        finally:
            trial.close()
