"""A daemon that cannot put itself in the background is put there by python-daemon.

Run as a program of its own, so that the process which becomes the daemon has
nothing of ours but its pid. Its pidfile is ours to write, and is a ``lockfile``
PID lock: taken by the process that then executes the daemon, stale once that
is dead, and removed then by ``stop`` or the next ``start``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def background_command(pidfile: str, argv: Sequence[str]) -> list[str]:
    """Return the command line that runs *argv* in the background, *pidfile* naming it.

    It imports from the folders that this process imports from: the interpreter of
    a wrapper runs without ``site``, and would find nothing by itself.
    """
    folders = [folder for folder in sys.path if folder.startswith("/")]
    program = (
        f"import sys; sys.path[:] = {folders}; from {__name__} import main; main(*sys.argv[1:])"
    )
    return [sys.executable, "-IS", "-c", program, pidfile, *argv]


def main(pidfile: str, *argv: str) -> None:
    """Become the daemon *argv*. Never returns."""
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
