"""The parent of an nginx that is told of inherited sockets, until it serves.

Told so, nginx stays in the foreground, and it ignores USR2 while the parent
lives that it was started by, or if that was init already. So its parent is a
shell that lives until we have seen nginx serve, and then ends. If we are
killed it lives on for a second, which nginx needs to have seen it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SHELL = "/bin/sh"
_NAME = "initpy-foster"


def fostered(command: Sequence[str]) -> list[str]:
    """Return the command line of a foster parent that starts *command*."""
    return [SHELL, "-c", 'setsid "$@" & read _ || sleep 1', _NAME, *command]


def is_foster(argv: Sequence[str], command: Sequence[str]) -> bool:
    """Tell whether *argv* is that of a foster parent that starts *command*."""
    return list(argv[-len(command) - 1 :]) == [_NAME, *command]
