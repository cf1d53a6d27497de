"""What systemd supervises on this host."""

from __future__ import annotations

from ..host import Host, Process
from .run import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..service import Service

_RUNS = "/run/systemd/system"  # there is such a folder only where systemd runs: sd_booted(3)
_SYSTEMCTL = ("/usr/bin/systemctl", "/bin/systemctl")
LOOK = 10.0  # seconds for systemctl to tell about a unit


def find_systemctl(host: Host) -> str:
    """Return the path of systemctl(1), or "" if there is none."""
    return next(filter(host.is_executable, _SYSTEMCTL), "")


def supervising_unit(service: Service, master: Process, host: Host) -> str:
    """Return the unit of systemd that *master* is the main process of, or "".

    A cgroup that is called so is not enough: without systemd anybody may have made it, and
    the jobs of another daemon are in the unit of that. The unit that systemd makes of an
    init script may have no main process: the service's own counts then, too.
    """
    unit = host.systemd_unit(master) if host.exists(_RUNS) else ""
    systemctl = find_systemctl(host) if unit else ""
    if not systemctl:
        return unit
    asked = run([systemctl, "show", "--property=MainPID", unit], host, within=LOOK)
    main = asked.output.rpartition("=")[2]
    known = [str(master.pid), *(["0"] if unit == f"{service.name}.service" else [])]
    return unit if asked.code or main in known else ""
