"""Which process descends from which."""

from __future__ import annotations

from ...host import Host, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def descends(process: Process, ancestors: Collection[Process], host: Host) -> bool:
    """Tell whether *process* is one of *ancestors* or descends from one, by parents that live."""
    facts = host.look(process.pid)
    while facts is not None and facts.process not in ancestors:
        facts = host.look(facts.ppid) if facts.ppid > 1 else None
    return facts is not None
