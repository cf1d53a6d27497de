"""Where systemd runs, a script in ``/etc/init.d`` hands its action to ``systemctl``.

A daemon that a person starts by its script belongs to its unit, not to the
person's session, and systemd is to know what runs. The function files of
Debian and Red Hat do the same for shell scripts.
"""

from __future__ import annotations

from .control.configtest import configtest
from .control.run import Finished, run
from .settings import with_settings
from .state.snapshot import take_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Host
    from .service import Service

DIRECTORY = "/etc/init.d"
_SYSTEMCTL = ("/usr/bin/systemctl", "/bin/systemctl")
# What systemctl can do too. The other actions are only ours.
ACTIONS = (
    "start",
    "stop",
    "restart",
    "try-restart",
    "condrestart",
    "reload",
    "force-reload",
    "status",
)
RESTARTS = ("restart", "try-restart", "condrestart")
# Set to anything, these keep an action here; the second is Debian's own.
BYPASSES = ("SYSTEMCTL_SKIP_REDIRECT", "_SYSTEMCTL_SKIP_REDIRECT")

LOOK = 10.0  # seconds for systemd to say whether it knows a unit
MOST = 900.0  # seconds: TimeoutSec= of a stop and of a start, and some


def redirect(
    service: Service, script: str, action: str, host: Host, *, stay: bool
) -> Finished | None:
    """Become ``systemctl ACTION UNIT``; return None if the action is to be done here.

    script: as it was called: /etc/init.d/NAME, or a link that leads to the same file.
    stay:   run systemctl and return how it ended, instead of becoming it.

    It is done here if systemd has no such unit, or is the caller itself: as
    our parent, or because what calls us runs in that very unit. To systemd a
    restart is a stop and a start, so what runs is tested before: raises
    ConfigTestFailed, and it is left alone.
    """
    if action not in ACTIONS or any(map(host.environment, BYPASSES)) or host.run_by_systemd():
        return None
    unit = f"{service.name}.service"
    systemctl = find_systemctl(host)
    ourselves = host.find(host.getpid())
    if (
        host.realpath(f"{DIRECTORY}/{service.name}") != host.realpath(script)
        or not systemctl
        or (ourselves and host.systemd_unit(ourselves) == unit)
    ):
        return None
    asked = run([systemctl, "show", "--property=LoadState", unit], host, within=LOOK)
    # A masked unit is systemd's to refuse.
    if asked.output.rpartition("=")[2] not in ("loaded", "masked"):
        return None
    if action in RESTARTS:
        _test_what_runs(with_settings(service, host), host)
    command = [systemctl, action, unit]
    return run(command, host, within=MOST) if stay else host.become(command)


def _test_what_runs(service: Service, host: Host) -> None:
    master = take_snapshot(service, host).master
    if master is not None:
        host.require_permission(master)
        configtest(service, host)


def find_systemctl(host: Host) -> str:
    """Return the path of systemctl(1), or "" if there is none."""
    return next(filter(host.is_executable, _SYSTEMCTL), "")
