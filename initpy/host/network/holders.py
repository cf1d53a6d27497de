"""The processes that have an address or a path: why it cannot be bound."""

from __future__ import annotations

import os
from _socket import SOCK_DGRAM  # socket would load enum and selectors

from ...errors import translated
from ...value import Value
from .sock_diag import SockDiag
from .sockets import Sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Holder(Value):
    """A process that has an address or a path."""

    pid: int
    name: str
    user: str
    started: str  # local time


@translated
class Holders(Sockets):
    """The processes that have this machine's addresses."""

    def holders(self, place: str, *, datagram: bool = False) -> list[Holder]:
        """Return the processes that listen on an address, ``127.0.0.1:9000``, or a path.

        datagram: those that have bound the address of udp instead.

        We are none of them: what we hold are copies of others' sockets.
        """
        import psutil

        if place.startswith("/"):
            inodes = _sockets_at(place)
            return [holder for inode in inodes for holder in self.socket_holders(inode)]
        pids: list[int] = []
        try:
            # Not those of unix: whoever binds one writes lines of /proc/net/unix with its name.
            connections = psutil.net_connections(kind="inet")
        except FileNotFoundError:  # /proc has only processes
            return []
        for connection in connections:
            if connection.pid is None or not _has(connection, place, datagram):
                continue
            # It names one process for each socket, and we may be that.
            if connection.pid == os.getpid():
                pids += _others_with(self, os.fstat(connection.fd).st_ino)
            else:
                pids.append(connection.pid)
        found = []
        for pid in pids:
            try:
                found.append(_holder(psutil.Process(pid)))
            except (psutil.Error, FileNotFoundError):
                continue
        return found

    def socket_holders(self, inode: int) -> list[Holder]:
        """Return the processes that have that socket open, those of one program once.

        Their descriptors are read, not the table of all connections, which may be long.
        """
        import psutil

        found = []
        for pid in self.pids():
            process = self.find(pid) if pid != os.getpid() else None
            try:
                if process is not None and inode in self.socket_inodes(process):
                    found.append(_holder(psutil.Process(pid)))
            except (psutil.Error, FileNotFoundError):
                continue
        return list(dict.fromkeys(found))


def _sockets_at(path: str) -> list[int]:
    """Return the inodes of the sockets that listen where a path leads, whatever their names."""
    try:
        file = os.stat(path)
    except OSError:
        return []
    there = SockDiag().listening_sockets() or ()
    return [one.inode for one in there if one.is_at(path, file.st_ino)]


def _others_with(host: Sockets, inode: int) -> list[int]:
    """Return the other processes that have that socket of ours open, without our children."""
    others = [host.look(pid) for pid in host.pids() if pid != os.getpid()]
    return [
        facts.process.pid
        for facts in others
        if facts is not None
        and facts.ppid != os.getpid()
        and inode in host.socket_inodes(facts.process)
    ]


def _has(connection: Any, place: str, datagram: bool) -> bool:
    if not connection.laddr:
        return False
    address, _, port = place.rpartition(":")
    wildcards = ("", "*", "0.0.0.0", "::", "[::]")  # noqa: S104 - compared, not bound
    # What is bound to an address of udp is in the way of others, also if it has a peer.
    return (
        (connection.type == SOCK_DGRAM if datagram else connection.status == "LISTEN")
        and str(connection.laddr.port) == port
        and (
            connection.laddr.ip == address.strip("[]")
            or address in wildcards
            or connection.laddr.ip in wildcards
        )
    )


def _holder(subject: Any) -> Holder:
    import time

    # A worker holds the sockets of its master: report the master.
    while (parent := subject.parent()) is not None and parent.name() == subject.name():
        subject = parent
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(subject.create_time()))
    name = " ".join(subject.name().split())  # whoever runs it has chosen it
    return Holder(pid=subject.pid, name=name, user=subject.username(), started=since)
