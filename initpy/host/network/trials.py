"""Trials: whether a daemon could have an address, a path or a limit. Nothing is taken."""

from __future__ import annotations

import errno
import os
import stat

from ...errors import InitError, translated
from ...value import Value
from ..filesystem.rooted import open_as_seen_by
from ..processes import Processes, read
from ..procfs import Process, status_line

IN_USE = os.strerror(errno.EADDRINUSE)  # why an address cannot be bound beside another socket
_RESOLVING = 10  # seconds; what a resolver with one dead server takes: resolv.conf(5)
_CAP_SYS_RESOURCE = 24  # capabilities(7)
_NR_OPEN = 1 << 20  # by default
_GONE = (FileNotFoundError, ProcessLookupError)
# File systems of the kernel's own, in which no process can make a file or a socket. Their
# folders look as if root could write to them. By f_type of statfs(2): linux/magic.h.
_KERNELS_OWN = {
    0x9FA0: "proc",
    0x62656572: "sysfs",
    0x27E0EB: "cgroup",
    0x63677270: "cgroup2",
    0x64626720: "debugfs",
    0x74726163: "tracefs",
    0x73636673: "securityfs",
    0x62656570: "configfs",
    0xF97CFF8C: "selinuxfs",
    0x6165676C: "pstore",
    0xCAFE4A11: "bpf",
    0x19800202: "mqueue",
    0x42494E4D: "binfmt_misc",
    0x65735543: "fusectl",
    0x1CD1: "devpts",
}


class Spot(Value):
    """What stands where a daemon is to make a file or a unix socket."""

    folder: str = ""  # why nothing can be made in its folder
    missing: bool = False  # that folder is not there, or is no folder
    kind: str = ""  # "directory", "socket", "file", or "" if nothing is there
    # Device and inode of the socket to which the path leads.
    socket: tuple[int, int] | None = None


@translated
class Trials(Processes):
    """What a daemon could have on this machine."""

    def why_not_bound(
        self,
        address: str,
        port: int,
        *,
        datagram: bool = False,
        ipv6only: bool | None = None,
        reuseport: bool = False,
    ) -> str:
        """Return why a socket cannot be bound to *address*, a literal one; "" if it can.

        datagram:  it is a udp socket, and otherwise a TCP socket.
        ipv6only:  IPV6_V6ONLY; None leaves that to the kernel.
        reuseport: it is bound with SO_REUSEPORT: socket(7).

        A TCP socket is bound with SO_REUSEADDR, as daemons do it, and closed at once. It
        never listens: another one's clients could reach it and be lost. A udp socket gets
        what arrives as soon as it is bound. So it is tried without these options: then
        it cannot be bound beside another.
        """
        import _socket  # socket would load enum and selectors

        kind = _socket.SOCK_DGRAM if datagram else _socket.SOCK_STREAM
        try:
            # Not the text itself: an address may have a scope, "fe80::1%2".
            ((family, _, _, _, name), *_rest) = _socket.getaddrinfo(
                os.fsencode(address), port, 0, kind, 0, _socket.AI_NUMERICHOST
            )
            trial = _socket.socket(family, kind)
        except OSError as exc:
            return str(exc.strerror)
        try:
            if not datagram:
                trial.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
                trial.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEPORT, reuseport)
            if family == _socket.AF_INET6 and ipv6only is not None:
                trial.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, ipv6only)
            trial.bind(name)
        except OSError as exc:
            return str(exc.strerror)
        finally:
            trial.close()
        return ""

    def resolve(self, name: str) -> list[str]:
        """Return the addresses of a host, in the order in which getaddrinfo(3) gives them.

        Name servers are asked, by a child that ends after some seconds. Raises InitError if
        the name has no address, or no server answers.
        """
        import _signal
        import _socket

        from ..programs.forking import fork

        try:
            found = _socket.getaddrinfo(os.fsencode(name), None, 0, 0, 0, _socket.AI_NUMERICHOST)
            return [_scoped(*found[0][4])]
        except OSError:
            pass  # it is not a literal address
        reading, writing = os.pipe()
        child = fork()
        if child == 0:  # pragma: no cover - coverage does not measure in a child
            try:
                _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
                _signal.alarm(_RESOLVING)
                found = _socket.getaddrinfo(os.fsencode(name), None, 0, _socket.SOCK_STREAM)
                addresses = (_scoped(*entry[4]) for entry in found)
                os.write(writing, "\n".join(dict.fromkeys(addresses)).encode())
            except OSError as exc:
                os.write(writing, f"!{exc.strerror}".encode())
            finally:  # whatever happens, no copy of this program may go on
                os._exit(0)
        os.close(writing)
        with open(reading, errors="replace") as file:
            said = file.read()
        os.waitpid(child, 0)
        if not said or said.startswith("!"):
            why = said[1:] or f"no answer within {_RESOLVING} s"
            raise InitError(f"{name} cannot be resolved: {why}")
        return said.split("\n")

    def spot(self, process: Process, path: str) -> Spot:
        """Return what stands at *path* as that process sees it, and whether one may be made.

        Raises NotPermitted if we may not see what it sees.
        """
        folder, name = os.path.split(path)
        fd = open_as_seen_by(process, folder)
        if fd is None:
            return Spot(folder="No such file or directory", missing=True)
        try:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                return Spot(folder="Not a directory", missing=True)
            # False also for root, on a file system or a folder that is not to be changed.
            writable = os.access(f"/proc/self/fd/{fd}", os.W_OK)
            why = "" if writable else "its folder cannot be written to"
            space = os.fstatvfs(fd)
            if space.f_files and not space.f_ffree:
                why = "its file system is full"
            if own := _KERNELS_OWN.get(_file_system(fd)):
                why = f"its folder is in a file system ({own}) in which nothing can be made"
            try:
                kind = _kind(os.lstat(name, dir_fd=fd).st_mode)
            except OSError:
                return Spot(folder=why)
            try:
                target = os.stat(name, dir_fd=fd)  # connect(2) follows a link
            except OSError:
                return Spot(folder=why, kind=kind)
            file = target.st_dev, target.st_ino
            is_socket = stat.S_ISSOCK(target.st_mode)
            return Spot(folder=why, kind=kind, socket=file if is_socket else None)
        finally:
            os.close(fd)

    def answers(self, process: Process, path: str) -> bool:
        """Tell whether something listens on the unix socket at *path*, as *process* sees it.

        It is connected to, without waiting. Raises NotPermitted as ``spot``.
        """
        import _socket

        folder, name = os.path.split(path)
        fd = open_as_seen_by(process, folder)
        if fd is None:
            return False
        client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK)
        try:
            client.connect(f"/proc/self/fd/{fd}/{name}")
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
        finally:
            client.close()
            os.close(fd)
        return True

    def nr_open(self) -> int:
        """Return how many descriptors the kernel allows a process at most: proc_sys_fs(5)."""
        try:
            with open("/proc/sys/fs/nr_open") as file:
                return int(file.read())
        except FileNotFoundError:  # /proc has only processes
            return _NR_OPEN

    def file_limits(self, process: Process | None = None) -> tuple[int, int]:
        """Return how many descriptors a process may have, and to how many it may raise that.

        process: ourselves, if it is not given.

        Both are 0 if it is gone. See getrlimit(2), RLIMIT_NOFILE.
        """
        base = f"/proc/{process.pid if process else 'self'}"
        try:
            with open(f"{base}/limits") as file:
                line = next(line for line in file if line.startswith("Max open files"))
            privileges = int(status_line(read(f"{base}/status"), "CapEff"), 16)
        except _GONE:
            return 0, 0
        most = self.nr_open()
        soft, hard = (most if word == "unlimited" else int(word) for word in line.split()[3:5])
        return soft, most if privileges >> _CAP_SYS_RESOURCE & 1 else hard


def _file_system(fd: int) -> int:
    """Return the type of the file system in which that file is: statfs(2); 0 if it is not told."""
    import ctypes

    facts = (ctypes.c_ulong * 32)()  # more than a struct statfs; f_type is its first word
    if ctypes.CDLL(None).fstatfs(fd, facts):
        return 0
    return facts[0] & 0xFFFFFFFF


def _scoped(address: str, _port: int, _flow: int = 0, scope: int = 0) -> str:
    return f"{address}%{scope}" if scope else address


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "directory"
    return "socket" if stat.S_ISSOCK(mode) else "file"
