"""The sockets a service listens on, for those who ask with ``--json``."""

from __future__ import annotations

from .host import Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .host import Process


def listening(processes: Iterable[Process], host: Host) -> list[str]:
    """Return where they listen, sorted: ``127.0.0.1:80``, ``[::]:80``, ``/run/x.sock``.

    Empty where we may not see: the descriptors of root's processes are for root.
    """
    return sorted({place for process in processes for place in host.listening(process)})
