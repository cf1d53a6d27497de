"""haproxy in master-worker mode, as Debian packages it. Signals: management.txt, chapter 4."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import shipped

HAPROXY = shipped(
    name="haproxy",
    daemon="/usr/sbin/haproxy",
    pidfile="/run/haproxy.pid",
    config="/etc/haproxy/haproxy.cfg",
    config_flags=("-f",),
    default_config="/etc/haproxy/haproxy.cfg",
    start_args=("-W", "-D", "-f", "{config}", "-p", "{pidfile}"),
    test_args=("-c", "-f", "{config}"),
    directories={"/run/haproxy": 0o2775},
    stop=parse_schedule("USR1/30/TERM/5/KILL/5"),
    reload="USR2",
    executes_in_place=True,
    reload_by="initpy.protocols.upgrading.in_place:reload",
    upgrade="initpy.protocols.upgrading.in_place:upgrade",
    lsb={
        "Required-Start": "$local_fs $network $remote_fs $syslog $named",
        "Required-Stop": "$local_fs $remote_fs $syslog $named",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "fast and reliable load balancing reverse proxy",
        "Description": "HAProxy, a TCP and HTTP load balancing reverse proxy",
    },
)
