"""Put a daemon in the background that cannot do so itself, with python-daemon.

This module runs as a program of its own, so that the process that becomes the daemon
inherits nothing from the init script. It also writes the pidfile, as a PID lock of
``lockfile``: the process takes the lock and then executes the daemon. When the daemon is
dead the pidfile is stale, and ``stop`` or the next ``start`` removes it. The pidfile is
root's, also if the daemon is another user's: that one cannot change it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...host.programs.users import Account


def background_command(
    pidfile: str,
    argv: Sequence[str],
    *,
    account: Account | None = None,
    directory: str = "/",
    umask: int = 0o022,
) -> list[str]:
    """Return the command line that runs *argv* in the background and writes *pidfile*.

    It imports from the folders that this process imports from: the interpreter of
    a wrapper runs without ``site``, and would find nothing by itself.
    """
    folders = [folder for folder in sys.path if folder.startswith("/")]
    user = account and (account.uid, account.gid, account.groups, account.capabilities)
    program = (
        f"import sys; sys.path[:] = {folders}; from {__name__} import main; "
        f"main(*sys.argv[1:], user={user}, directory={directory!r}, umask={umask})"
    )
    return [sys.executable, "-IS", "-c", program, pidfile, *argv]


def main(
    pidfile: str,
    *argv: str,
    user: tuple[int, int, tuple[int, ...], tuple[int, ...]] | None,
    directory: str,
    umask: int,
) -> None:
    """Go to the background, write *pidfile*, and execute *argv*. Never returns."""
    import os

    import daemon
    import daemon.pidfile
    import lockfile  # type: ignore[import-untyped] # it has no types

    from ...host.programs.users import become

    # Ours, until the daemon is executed: the standard streams of a daemon are /dev/null.
    said = os.dup(sys.stderr.fileno())
    context = daemon.DaemonContext(
        pidfile=daemon.pidfile.TimeoutPIDLockFile(pidfile, acquire_timeout=0),
        umask=0o022,  # anybody may read the pidfile
        working_directory=directory,
        prevent_core=False,
        signal_map={},
        stdin=None,
        files_preserve=[said],
    )
    try:
        context.open()
        for stream in range(3):
            # python-daemon opens /dev/null as 0, 1 and 2, each to be closed by execve(2).
            os.set_inheritable(stream, True)
        os.umask(umask)
        if user is not None:
            become(*user)
        os.execv(argv[0], argv)
    except (OSError, daemon.daemon.DaemonError, lockfile.Error) as exc:
        os.write(said, f"it cannot be put in the background: {exc}\n".encode())
        sys.exit(1)  # then python-daemon removes the pidfile
