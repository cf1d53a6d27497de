"""Which sockets exclude each other: addresses and ports, ip(7), ipv6(7)."""

from __future__ import annotations

from ...contracts import Configuration, WantedSocket
from ...host import Host, Listener
from ...state.configuration import listens_at
from ..foresight.places import overlap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def excluded(listeners: Iterable[Listener], config: Configuration, host: Host) -> list[Listener]:
    """Return those of our copies that have to be closed before the configuration's are bound.

    It wants another address that covers the same, or an option that is set only when a
    socket is made. A socket that it only does not want any more is none of them.
    """
    wanted = config.sockets or [WantedSocket(place=place) for place in config.listens]
    return [
        listener
        for listener in listeners
        if not listener.unix
        and not _is_wanted(listener, config, host)
        and any(_exclude(_as_wanted(listener), one) for one in wanted)
    ]


def _is_wanted(listener: Listener, config: Configuration, host: Host) -> bool:
    """Tell whether the daemon takes that socket as it is for one that it wants."""
    for wanted in config.sockets:
        if (wanted.place, wanted.datagram) == (listener.place, listener.datagram):
            ipv6only = listener.ipv6only if wanted.ipv6only is None else wanted.ipv6only
            # A daemon that wants more of them for one address makes these itself.
            return ipv6only == listener.ipv6only and (wanted.reuseport or not listener.reuseport)
    return not config.sockets and listens_at(config, listener.place, host) is not False


def _as_wanted(listener: Listener) -> WantedSocket:
    return WantedSocket(
        place=listener.place, datagram=listener.datagram, ipv6only=listener.ipv6only
    )


def _exclude(one: WantedSocket, other: WantedSocket) -> bool:
    """Tell whether two sockets, which do not share their port, cannot be bound at once."""
    if one.datagram != other.datagram:
        return False
    six = one if one.place.startswith(":::") else other
    same = one.place == other.place
    return same or overlap(one.place, other.place, ipv6only=bool(six.ipv6only))
