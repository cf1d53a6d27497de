"""The environment variable that lists inherited sockets (ngx_add_inherited_sockets)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...host import Listener


def environment(listeners: Sequence[Listener]) -> Mapping[str, str]:
    """Return ``NGINX="4;5;"``: the descriptors, each followed by a semicolon."""
    return {"NGINX": "".join(f"{listener.fd};" for listener in listeners)}
