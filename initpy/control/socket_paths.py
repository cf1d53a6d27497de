"""Paths of unix sockets on which nothing listens any more."""

from __future__ import annotations

from ..host import Host
from ..service import Service
from ..state.configuration import read_configuration


def remove_stale_sockets(service: Service, host: Host) -> None:
    """Remove the paths of unix sockets that the configuration names and no process has.

    A daemon that binds such a path fails as if it were taken. A refused connection is no
    proof: a daemon between bind(2) and listen(2) refuses, too. So the kernel is asked
    twice for every socket that has the path's inode or its name. Only root's sockets, in
    folders that nobody else can write, are removed. The service is stopped.
    """
    for path in read_configuration(service, host).listens:
        file = host.socket_file(path) if path.startswith("/") else None
        if file is None or host.distrust(path):
            continue
        if not any(_is_bound(path, file, host) for _ in range(2)):
            host.remove(path)
            host.tell(f"removed {path}: no process has that socket any more")


def _is_bound(path: str, file: tuple[int, int], host: Host) -> bool:
    """Tell whether a socket has that path or its inode; also where the kernel does not tell."""
    sockets = host.unix_sockets()
    if sockets is None:
        return True
    _, inode = file
    return any(one.place == path or (one.file and one.file[0] == inode) for one in sockets)
