"""The launcher: a shell that is the parent of a daemon in the foreground until it serves.

The launcher ends when the daemon serves. If we are killed, it ends a second later, so
that the daemon reads the pid of a parent that is not init when it starts.
"""

# nginx with inherited sockets stays in the foreground. It records its parent when it
# starts, and ignores USR2 while that is still its parent, because it then takes itself for
# supervised (ngx_signal_handler compares getppid() with ngx_parent). If the recorded
# parent were init, it would ignore USR2 for ever.

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SHELL = "/bin/sh"
_NAME = "initpy-launcher"


def launcher_command(command: Sequence[str]) -> list[str]:
    """Return the command line of a launcher that starts *command*."""
    return [SHELL, "-c", 'setsid "$@" & read _ || sleep 1', _NAME, *command]


def is_launcher(argv: Sequence[str], command: Sequence[str]) -> bool:
    """Tell whether *argv* is the command line of a launcher that starts *command*."""
    return list(argv[-len(command) - 1 :]) == [_NAME, *command]
