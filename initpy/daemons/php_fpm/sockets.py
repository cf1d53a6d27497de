"""The environment variable that lists inherited sockets (fpm_sockets.c)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...host import Listener


def environment(listeners: Sequence[Listener]) -> Mapping[str, str]:
    """Return ``FPM_SOCKETS="127.0.0.1:9000=4,/run/x.sock=5"``: places and descriptors."""
    pairs = [f"{listener.place}={listener.fd}" for listener in listeners]
    return {"FPM_SOCKETS": ",".join(pairs)}
