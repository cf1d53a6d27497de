"""sshd, as Debian packages it. Signals: sshd(8)."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import shipped

SSHD = shipped(
    name="sshd",
    daemon="/usr/sbin/sshd",
    pidfile="/run/sshd.pid",
    config="/etc/ssh/sshd_config",
    config_flags=("-f",),
    default_config="/etc/ssh/sshd_config",
    start_args=("-f", "{config}", "-o", "PidFile={pidfile}", "{SSHD_OPTS}"),
    test_args=("-t", "-f", "{config}"),
    words={"SSHD_OPTS": ""},
    directories={"/run/sshd": 0o755},  # of privilege separation
    outlives=True,  # sessions
    reload_execs=True,
    stop=parse_schedule("TERM/10/KILL/5"),
    reload="HUP",
    executes_in_place=True,
    reload_by="initpy.protocols.upgrading.in_place:reload",
    upgrade="initpy.protocols.upgrading.in_place:upgrade",
    lsb={
        "Required-Start": "$remote_fs $syslog",
        "Required-Stop": "$remote_fs $syslog",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "OpenBSD Secure Shell server",
        "Description": "Logins and file transfers over encrypted connections",
    },
)
