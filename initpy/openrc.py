"""Where OpenRC runs, it is told whether the service is started.

At halt OpenRC stops what it knows to be started, and nothing else; ``rc-status`` shows the same.
It knows what it has done itself. A script that something else calls has to tell it, by OpenRC's
own programs ``mark_service_started`` and ``mark_service_stopped``. Debian's service(8) makes the
mark before it runs the script, and does not look at what came of it.
"""

from __future__ import annotations

from .control.run import run
from .errors import InitError, StatusCode
from .settings import with_settings
from .state.status import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Host
    from .service import Service

STARTED = "/run/openrc/started"  # has a link for each service that is started
# Where OpenRC's own programs are: of Debian, and of Gentoo and Alpine.
_PROGRAMS = ("/usr/lib/rc/sbin", "/lib/rc/sbin", "/usr/libexec/rc/sbin")
WITHIN = 10.0  # seconds for one of them


def tell_openrc(service: Service, script: str, host: Host) -> None:
    """Mark the service as what it is seen to be after an action: started or stopped.

    script: the path by which it was called: /etc/init.d/NAME, or a link to the same file.

    Processes that a crashed master has left count as started: at halt they are to be stopped.
    If it cannot be seen whether the service runs, nothing is marked. Never raises InitError:
    what fails is told.
    """
    name = service.name
    if host.geteuid() != 0 or host.realpath(f"/etc/init.d/{name}") != host.realpath(script):
        return
    try:
        failed = _mark(service, host)
    except InitError as exc:
        failed = str(exc)
    if failed:
        host.tell(f"OpenRC does not know what {name} is now: {failed}")


def _mark(service: Service, host: Host) -> str:
    """Mark the service; return why that failed, or ""."""
    seen = look(with_settings(service, host), host)
    state = "started" if seen.snapshot.processes else "stopped"
    unknown = state == "stopped" and seen.code == StatusCode.UNKNOWN
    if unknown or (state == "started" and host.version(f"{STARTED}/{service.name}")):
        return ""
    folder = next(filter(host.exists, _PROGRAMS), _PROGRAMS[0])
    command = [f"{folder}/mark_service_{state}", service.name]
    finished = run(command, host, within=WITHIN)
    return f"{' '.join(command)} failed: {finished.output}" if finished.code else ""
