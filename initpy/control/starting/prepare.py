"""What a start needs, beside the daemon: its user, its working directory, its command line."""

from __future__ import annotations

from ...errors import NotInstalled
from ...host import Host
from ...service import Service
from ..run import locate
from .account import account_of
from .background import background_command


def require_startable(service: Service, host: Host) -> None:
    """Raise SettingsError or NotPermitted if a start is known to fail; nothing is changed."""
    if isinstance(service.ready, tuple) and service.ready:
        locate("ready", service.ready, host)
    account_of(service, host)


def make_directories(service: Service, host: Host) -> None:
    """Make the directories of the declaration for the daemon's user.

    Those above are made first, whatever their order. Raises InitError.
    """
    account = account_of(service, host)
    uid, gid = (account.uid, account.gid) if account else (0, 0)
    for path, mode in sorted(service.directories.items()):
        if undone := host.own_directory(path, mode, uid, gid):
            host.tell(undone)


def start_command(service: Service, host: Host) -> list[str]:
    """Return the command line that starts the daemon, in the background in the end."""
    argv = service.command(service.start_args)
    if not service.background:
        return argv
    if host.file_id(service.daemon) is None:
        raise NotInstalled(f"{service.daemon} is not installed")
    return background_command(
        service.pidfile,
        argv,
        account=account_of(service, host),
        directory=service.directory,
        umask=service.umask,
    )
