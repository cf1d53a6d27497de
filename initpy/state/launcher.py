"""The launcher: the parent of a daemon that stays in the foreground, until it serves.

It is a shell that ends when we have seen the daemon serve. If we are killed, it
lives on for a second, so that the daemon has seen a parent that is not init.
"""

# nginx that is told of inherited sockets does not put itself in the background, and it
# ignores USR2 while the parent lives that it was started by, or if that was init
# already (ngx_signal_handler compares getppid() with ngx_parent).

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SHELL = "/bin/sh"
_NAME = "initpy-launcher"


def launcher_command(command: Sequence[str]) -> list[str]:
    """Return the command line of a foster parent that starts *command*."""
    return [SHELL, "-c", 'setsid "$@" & read _ || sleep 1', _NAME, *command]


def is_launcher(argv: Sequence[str], command: Sequence[str]) -> bool:
    """Tell whether *argv* is that of a foster parent that starts *command*."""
    return list(argv[-len(command) - 1 :]) == [_NAME, *command]
