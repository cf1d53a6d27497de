"""Where nginx listens: its directive ``listen``, as ngx_http_core_listen reads it."""

from __future__ import annotations

import os.path

from ...contracts import WantedSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...host import Host

# An address with one of these has a socket of its own beside the wildcard of its port.
_BIND = {"bind", "deferred", "ipv6only", "reuseport", "so_keepalive"}
_BIND |= {"accept_filter", "backlog", "fastopen", "rcvbuf", "setfib", "sndbuf"}


def places(value: str, host: Host) -> list[str]:
    """Return where ``listen`` has nginx listen (ngx_parse_url).

    >>> from initpy.host import HERE
    >>> places("8080", HERE), places("[::1]:80-81", HERE)
    (['0.0.0.0:8080'], ['::1:80', '::1:81'])
    """
    if value[:5].lower() == "unix:":
        return [os.path.normpath(os.path.join("/", value[5:]))]
    address, colon, ports = value.rpartition(":")
    if not colon or value.endswith("]"):
        address, ports = ("*", value) if _ports(value) else (value, "80")
    if address == "*":
        address = "0.0.0.0"  # noqa: S104 - compared, not bound
    return [host.place(address, str(port)) for port in _ports(ports)]


def sockets(listens: Iterable[Sequence[str]], host: Host) -> tuple[WantedSocket, ...]:
    """Return the sockets that nginx makes for its ``listen`` directives, each given by its words.

    Many servers may have one address: then the options stand in one of them, and the socket
    is one. An address beside the wildcard of its port has a socket only if an option of it
    needs one (ngx_http_init_listening).
    """
    found: dict[tuple[str, bool], WantedSocket] = {}
    bound = set()
    for value, *options in listens:
        datagram = not {"udp", "quic"}.isdisjoint(options)
        for place in places(value, host):
            key = place, datagram
            wanted = found.get(key) or WantedSocket(place=place, datagram=datagram)
            found[key] = _with(wanted, options)
            if not _BIND.isdisjoint(option.partition("=")[0] for option in options):
                bound.add(key)
    return tuple(
        wanted for key, wanted in found.items() if key in bound or _wildcard(*key) not in found
    )


def _with(wanted: WantedSocket, options: Sequence[str]) -> WantedSocket:
    """Return a socket with the options of one more ``listen``."""
    ipv6only = wanted.ipv6only
    if ipv6only is None and _is_ipv6(wanted.place):
        ipv6only = True  # since nginx 1.3.4
    if "ipv6only=off" in options:
        ipv6only = False
    reuseport = wanted.reuseport or "reuseport" in options
    return wanted.replace(ipv6only=ipv6only, reuseport=reuseport)


def _is_ipv6(place: str) -> bool:
    return not place.startswith("/") and ":" in place.rpartition(":")[0]


def _wildcard(place: str, datagram: bool) -> tuple[str, bool]:
    """Return the wildcard of a place's port; it itself has none."""
    any_address = "::" if _is_ipv6(place) else "0.0.0.0"  # noqa: S104 - compared, not bound
    wildcard = f"{any_address}:{place.rpartition(':')[2]}"
    return ("" if place == wildcard or place.startswith("/") else wildcard), datagram


def _ports(value: str) -> range:
    """Return the ports of ``8080`` or ``8000-8010``; none if it is neither."""
    first, dash, last = value.partition("-")
    if not all(port.isascii() and port.isdigit() for port in ([first, last] if dash else [first])):
        return range(0)
    return range(int(first), min(int(last or first), 65535) + 1)
