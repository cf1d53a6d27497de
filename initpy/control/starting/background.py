"""Put a daemon in the background that cannot do so itself, with python-daemon.

This module runs as a program of its own, so that the process that becomes the daemon
inherits nothing from the init script. It also writes the pidfile, as a PID lock of
``lockfile``: the process takes the lock and then executes the daemon. When the daemon is
dead the pidfile is stale, and ``stop`` or the next ``start`` removes it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def background_command(pidfile: str, argv: Sequence[str]) -> list[str]:
    """Return the command line that runs *argv* in the background and writes *pidfile*.

    It imports from the folders that this process imports from: the interpreter of
    a wrapper runs without ``site``, and would find nothing by itself.
    """
    folders = [folder for folder in sys.path if folder.startswith("/")]
    program = (
        f"import sys; sys.path[:] = {folders}; from {__name__} import main; main(*sys.argv[1:])"
    )
    return [sys.executable, "-IS", "-c", program, pidfile, *argv]


def main(pidfile: str, *argv: str) -> None:
    """Go to the background, write *pidfile*, and execute *argv*. Never returns."""
    import os

    import daemon
    import daemon.pidfile

    context = daemon.DaemonContext(
        pidfile=daemon.pidfile.TimeoutPIDLockFile(pidfile, acquire_timeout=0),
        umask=0o022,
        prevent_core=False,
        signal_map={},
        stdin=None,
    )
    context.open()
    os.execv(argv[0], argv)
