"""Addresses: how the kernel says them, and what /etc/hosts calls them."""

from __future__ import annotations

from ...errors import translated


@translated
class Addresses:
    """Addresses and host names, without asking a name server."""

    def place(self, address: str, port: str) -> str:
        """Return where a socket listens that is bound to *address*, as ``Listener.place``.

        However a literal address is written, the kernel says it in one way. A name is
        left as it is: to look it up may take long, and only a comparison needs it.

        >>> from initpy.host import HERE
        >>> HERE.place("[0::1]", "80"), HERE.place("localhost", "80")
        ('::1:80', 'localhost:80')
        """
        address = address[1:-1] if address.startswith("[") else address
        return f"{_literal(address) or address}:{port}"

    def addresses_of(self, name: str) -> set[str]:
        """Return the addresses that /etc/hosts gives a name: hosts(5).

        To ``*`` getaddrinfo(3) of glibc itself gives those of the loopback interface.
        No name server is asked: it may not answer for minutes, and what it says
        is no evidence.
        """
        if name == "*":
            return {"127.0.0.1", "::1"}
        found = set()
        try:
            with open("/etc/hosts", errors="surrogateescape") as file:
                for line in file:
                    address, *names = line.partition("#")[0].split() or [""]
                    if name.lower() in map(str.lower, names):
                        found.add(_literal(address))
        except OSError:
            return set()
        return found - {""}


def _literal(address: str) -> str:
    """Return a literal address as getsockname(2) would say it; "" if it is none."""
    import _socket

    try:
        # As bytes, or a codec for international names is loaded.
        found = _socket.getaddrinfo(address.encode(), None, 0, 0, 0, _socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return ""
    return str(found[0][4][0])
