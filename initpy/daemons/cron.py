"""cron, as Debian packages it: cron(8). It reads changed tables by itself."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import shipped

CRON = shipped(
    name="cron",
    daemon="/usr/sbin/cron",
    pidfile="/run/crond.pid",
    # Before it forks it would write its own pid to the pidfile, and then that of its child.
    start_args=("-f", "{EXTRA_OPTS}"),
    background=True,
    words={"EXTRA_OPTS": ""},
    outlives=True,  # jobs
    stop=parse_schedule("TERM/10/KILL/5"),
    lsb={
        "Required-Start": "$remote_fs $syslog $time",
        "Required-Stop": "$remote_fs $syslog $time",
        "Should-Start": "$network $named slapd autofs ypbind nscd nslcd winbind sssd",
        "Should-Stop": "$network $named slapd autofs ypbind nscd nslcd winbind sssd",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "regular background program processing",
        "Description": "Runs the commands of crontabs at their times",
    },
)
