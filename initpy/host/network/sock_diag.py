"""The sockets of our network namespace, asked of the kernel: see sock_diag(7).

No right is needed, and the number of processes does not matter.
"""

from __future__ import annotations

import os
from struct import pack, unpack_from

from ...errors import translated
from ...value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_TCP, _UDP = 6, 17
_LISTEN, _CLOSE = 1 << 10, 1 << 7  # states: a bound udp socket without a peer is "closed"
_SHOW = 0x13  # UDIAG_SHOW_NAME, UDIAG_SHOW_VFS, UDIAG_SHOW_RQLEN
_NAME, _VFS, _QUEUES = 0, 1, 4  # attributes of a unix socket
_SKV6ONLY = 11  # INET_DIAG_SKV6ONLY, an attribute of a socket of IPv6
_ATTRIBUTE = 4  # bytes of the head of an attribute
_STATE, _LISTENS = 2, 10  # where udiag_state is; TCP_LISTEN
_RECEIVE = 1 << 16  # bytes
_TIMEOUT = 5  # seconds; the kernel answers at once, or not at all


class BoundSocket(Value):
    """One socket that is bound in our network namespace."""

    inode: int
    cookie: int  # of SO_COOKIE: never given away again while the host runs
    place: str  # as ``Listener.place``; "" if it has no name
    file: tuple[int, int] | None = None  # inode and device of a unix socket's path
    backlog: int | None = None  # of one that listens: how many connections may wait
    datagram: bool = False  # it is a udp socket
    ipv6only: bool | None = None  # IPV6_V6ONLY; None if it does not matter there

    def is_at(self, path: str, inode: int) -> bool:
        """Tell whether it is the socket at *path*, a file of that inode.

        Its name is only believed where no file is told: in a root of his own any user has
        that path. Devices are not compared, on an overlay they differ; and of an inode
        the kernel tells 32 bits.
        """
        return self.place == path if self.file is None else self.file[0] == inode & 0xFFFFFFFF


@translated
class SockDiag:
    """The sockets that are bound on this machine."""

    def listening_sockets(self) -> list[BoundSocket] | None:
        """Return every socket that waits for clients; None where the kernel does not tell."""
        import _socket

        try:
            inet = [
                found
                for family in (_socket.AF_INET, _socket.AF_INET6)
                for protocol, states in ((_TCP, _LISTEN), (_UDP, _CLOSE))
                for found in _inet(family, protocol, states)
            ]
            return [*inet, *_unix(_LISTEN)]
        except OSError:
            return None

    def most_backlog(self) -> int | None:
        """Return the greatest backlog that the kernel grants: listen(2)."""
        try:
            with open("/proc/sys/net/core/somaxconn") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def unix_sockets(self) -> list[BoundSocket] | None:
        """Return every unix socket that has a name; None where the kernel does not tell."""
        try:
            return list(_unix(0xFFFFFFFF))
        except OSError:
            return None


def _inet(family: int, protocol: int, states: int) -> Iterator[BoundSocket]:
    import _socket

    for body in _dump(pack("=BBBxI48x", family, protocol, 0, states)):
        (port,) = unpack_from("!H", body, 4)
        length = 4 if family == _socket.AF_INET else 16
        address = _socket.inet_ntop(family, body[8 : 8 + length])
        low, high = unpack_from("=II", body, 44)
        (backlog,) = unpack_from("=I", body, 60)  # of one that listens: idiag_wqueue
        (inode,) = unpack_from("=I", body, 68)
        if port:
            yield BoundSocket(
                inode=inode,
                cookie=high << 32 | low,
                place=f"{address}:{port}",
                backlog=backlog if protocol == _TCP else None,
                datagram=protocol == _UDP,
                ipv6only=_ipv6only(body),
            )


def _ipv6only(body: bytes) -> bool | None:
    """Return IPV6_V6ONLY out of the attributes that follow a struct inet_diag_msg."""
    offset = 72
    while offset + _ATTRIBUTE <= len(body):
        length, kind = unpack_from("=HH", body, offset)
        if kind == _SKV6ONLY:
            return bool(body[offset + _ATTRIBUTE])
        offset += max((length + 3) & ~3, _ATTRIBUTE)
    return None


def _unix(states: int) -> Iterator[BoundSocket]:
    import _socket

    no_cookie = 0xFFFFFFFF
    fields = (_socket.AF_UNIX, 0, 0, states, 0, _SHOW, no_cookie, no_cookie)
    request = pack("=BBHIIIII", *fields)
    for body in _dump(request):
        inode, low, high = unpack_from("=III", body, 4)
        name, file, backlog = "", None, None
        offset = 16
        while offset + _ATTRIBUTE <= len(body):
            length, kind = unpack_from("=HH", body, offset)
            if kind == _NAME:
                name = os.fsdecode(body[offset + 4 : offset + length].split(b"\0")[0])
            elif kind == _VFS:
                file_inode, device = unpack_from("=II", body, offset + 4)
                # The kernel's own form of a device number: 20 bits of minor.
                file = file_inode, os.makedev(device >> 20, device & 0xFFFFF)
            elif kind == _QUEUES and body[_STATE] == _LISTENS:
                (backlog,) = unpack_from("=I", body, offset + 8)
            offset += max((length + 3) & ~3, _ATTRIBUTE)
        if name:
            cookie = high << 32 | low
            yield BoundSocket(inode=inode, cookie=cookie, place=name, file=file, backlog=backlog)


def _dump(request: bytes) -> Iterator[bytes]:
    """Yield the body of every message with which the kernel answers *request*."""
    import _socket

    asking = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    try:
        asking.settimeout(_TIMEOUT)
        header = pack("=IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 1, 0)
        asking.send(header + request)
        while True:
            answer = asking.recv(_RECEIVE)
            offset = 0
            while offset + 16 <= len(answer):
                length, kind = unpack_from("=IH", answer, offset)
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    (reason,) = unpack_from("=i", answer, offset + 16)
                    raise OSError(-reason, os.strerror(-reason))
                yield answer[offset + 16 : offset + length]
                offset += (length + 3) & ~3
    finally:
        asking.close()
