"""Where systemd runs, a script in ``/etc/init.d`` hands its action to ``systemctl``.

Thus a daemon that a person starts with its script belongs to its unit, not to the
person's session, and systemd knows that it runs. The function files of Debian and
Red Hat do the same for shell scripts.
"""

from __future__ import annotations

from .control.configtest import configtest
from .control.run import Finished, run
from .control.units import LOOK, find_systemctl
from .settings import with_settings
from .state.snapshot import take_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Host
    from .service import Service

DIRECTORY = "/etc/init.d"
# The actions that systemctl has, too. The others are done here.
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
# If one of these variables is set, the action is done here. The second is Debian's.
BYPASSES = ("SYSTEMCTL_SKIP_REDIRECT", "_SYSTEMCTL_SKIP_REDIRECT")

MOST = 900.0  # seconds for systemctl: more than TimeoutSec= of a stop and of a start


def redirect(
    service: Service, script: str, action: str, host: Host, *, stay: bool
) -> Finished | None:
    """Become ``systemctl ACTION UNIT``; return None if the action is to be done here.

    script: the path by which it was called: /etc/init.d/NAME, or a link to the same file.
    stay:   run systemctl and return how it ended, instead of becoming it.

    The action is done here if systemd has no such unit, or if systemd runs us: it is our
    parent, or we run in that very unit. For systemd a restart is a stop and then a start,
    so the configuration of a running service is tested first. Raises ConfigTestFailed,
    and the service runs on.
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
    # systemctl refuses a masked unit, and tells why.
    if asked.output.rpartition("=")[2] not in ("loaded", "masked"):
        return None
    if action in RESTARTS:
        _test_running_service(with_settings(service, host), host)
    command = [systemctl, action, unit]
    return run(command, host, within=MOST) if stay else host.become(command)


def _test_running_service(service: Service, host: Host) -> None:
    master = take_snapshot(service, host).master
    if master is not None and service.has_test:
        host.require_permission(master)
        configtest(service, host)
