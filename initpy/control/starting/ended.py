"""How what was started has ended."""

from __future__ import annotations

from ...errors import WaitTimeout
from ...host import Host
from ...host.wait import wait_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...host import Launched

_REAPED = 0.2  # seconds; a process of several threads is dead before it can be reaped


def with_code(code: int) -> str:
    """Say with which code a process has ended, or by which signal."""
    return f" with signal {-code}" if code < 0 else f" with code {code}"


def how_lost(child: Launched, host: Host) -> str:
    """Say how a daemon has ended that its launcher reaps, or "" if that is not known."""
    try:
        wait_until(
            lambda: child.is_gone() or child.last_code,
            within=_REAPED,
            host=host,
            what="the launcher to reap it",
        )
    except WaitTimeout:
        return ""
    return with_code(child.last_code) if child.last_code else ""
