"""Where a master listens, and which addresses exclude each other: ip(7), ipv6(7)."""

from __future__ import annotations

from ...host import Host, Process


def port_of(place: str) -> str:
    """Return the port of a place, with what follows it; only sockets of one port overlap."""
    return place.rpartition(":")[2]


def overlap(place: str, other: str, *, ipv6only: bool) -> bool:
    """Tell whether two different addresses of one port exclude each other.

    ipv6only: IPV6_V6ONLY of the one that is ``::``, if one of them is.
    """
    pair = {place.rpartition(":")[0], other.rpartition(":")[0]}
    if port_of(place) != port_of(other) or "/" in place + other:
        return False
    if "::" in pair:
        return not ipv6only or all(":" in one for one in pair)
    return "0.0.0.0" in pair and not any(":" in one for one in pair)  # noqa: S104 - compared


def held_places(process: Process, host: Host) -> set[str] | None:
    """Return where *process* listens, as ``Listener.place``; None if we may not see."""
    sockets, known = host.socket_inodes(process), host.listening_sockets()
    if known is None:
        return host.listening_places(process)
    return {one.place for one in known if one.inode in sockets} if sockets else None
