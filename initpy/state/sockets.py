"""The sockets of a service, and the paths by which clients reach them."""

from __future__ import annotations

from ..errors import NotPermitted
from ..host import Host, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..host import BoundSocket


def lost_paths(sockets: Iterable[BoundSocket], process: Process, host: Host) -> list[str]:
    """Return the paths of those unix sockets of *process* that lead to none of them any more.

    The path was removed, or another file stands there, and the socket has not been renamed: no
    client can connect. A path may be where only the process sees it, as in a /tmp of its own.
    """
    files: dict[str, set[int]] = {}
    unknown: set[str] = set()
    for one in sockets:
        if one.place.startswith("/"):
            files.setdefault(one.place, set()).update(one.file[:1] if one.file else ())
            unknown.update(() if one.file else (one.place,))

    def leads(path: str, there: tuple[int, int] | None) -> bool:
        # The inodes are compared: on an overlay the devices differ.
        return there is not None and (path in unknown or there[1] in files[path])

    def seen_by_it(path: str) -> tuple[int, int] | None:
        try:
            return host.file_seen_by(process, path)
        except NotPermitted:
            return None

    lost = [path for path in files if not leads(path, host.file_id(path))]
    lost = [path for path in lost if not leads(path, seen_by_it(path))]
    return [path for path in lost if not files[path] & host.inodes_beside(path)]


def held_sockets(process: Process, host: Host) -> list[BoundSocket]:
    """Return the sockets on which *process* waits for clients, as far as we may see them."""
    held = host.socket_inodes(process)
    return [one for one in host.listening_sockets() or () if one.inode in held]


def places(processes: Iterable[Process], host: Host) -> list[str]:
    """Return where processes listen ("[::]:80" for ":::80"), as far as we may see it."""
    found = set()
    for process in processes:
        places_of = host.listening_places(process)  # not those that another user has made
        for place in places_of or [one.place for one in held_sockets(process, host)]:
            address, _, port = place.rpartition(":")
            found.add(f"[{address}]:{port}" if ":" in address else place)
    return sorted(found)
