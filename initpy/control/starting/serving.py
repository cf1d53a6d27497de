"""When a daemon that is up serves: its own word, a command, or where it listens."""

from __future__ import annotations

from ...errors import InitError
from ...host import Host, Process
from ...host.wait import wait_until
from ...service import Service
from ...state.sockets import held_sockets
from ..ready import await_ready_command
from .lineage import is_started, lineage
from .notices import Notices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...host import Launched


def await_serving(
    service: Service, notices: Notices, child: Launched, master: Process, host: Host
) -> None:
    """Wait until the daemon serves. Raises InitError if it does not, or ends.

    notices: those of the daemon.
    child:   what was started: only its descendants are heard.
    """

    def family() -> list[Process]:
        return lineage(child, host)

    if service.ready == "notify":
        _await_notice(service, notices, child, master, host)
    else:
        await_ready_command(service, master, host, family)
    if service.ready and service.listens:
        # Another server may have answered the command.
        await_ready_command(service.replace(ready=()), master, host, family)


def shares_places(master: Process, host: Host) -> bool:
    """Tell whether another socket listens where *master* does; True if that cannot be told.

    A rival has read the same configuration. Two can have the path of a unix socket, and with
    reuseport an address.
    """
    held = held_sockets(master, host)
    own, places = {one.inode for one in held}, {one.place for one in held}
    there = host.listening_sockets() or ()
    return not held or any(one.place in places and one.inode not in own for one in there)


def _await_notice(
    service: Service, notices: Notices, child: Launched, master: Process, host: Host
) -> None:
    def ready() -> bool:
        notices.hear(lambda process: is_started(process, child, host, unsure=False))
        if not notices.ready and not host.alive(master):
            raise InitError(f"{service.daemon} (pid {master}) ended before it was ready")
        return notices.ready

    wait_until(
        ready,
        within=service.timeout,
        host=host,
        what=lambda: notices.awaited(service.name),
        until=master,
    )
