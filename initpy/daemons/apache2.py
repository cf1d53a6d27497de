"""Apache's httpd, as Debian packages it. Signals: its manual, stopping.html."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import shipped

APACHE2 = shipped(
    name="apache2",
    daemon="/usr/sbin/apache2",
    pidfile="/run/apache2/apache2.pid",
    config="/etc/apache2/apache2.conf",
    config_flags=("-f",),
    default_config="/etc/apache2/apache2.conf",
    start_args=("-f", "{config}", "-k", "start"),
    test_args=("-t", "-f", "{config}"),
    expands_environment=True,
    # As /etc/apache2/envvars has them. Exported settings take their place.
    environment={
        "APACHE_RUN_USER": "www-data",
        "APACHE_RUN_GROUP": "www-data",
        "APACHE_PID_FILE": "/run/apache2/apache2.pid",
        "APACHE_RUN_DIR": "/run/apache2",
        "APACHE_LOCK_DIR": "/run/lock/apache2",
        "APACHE_LOG_DIR": "/var/log/apache2",
    },
    directories={"/run/apache2": 0o755, "/run/lock/apache2": 0o755},
    stop=parse_schedule("WINCH/10/TERM/10/KILL/5"),  # graceful-stop
    force_quit=parse_schedule("TERM/10/KILL/5"),
    reload="USR1",  # graceful
    lsb={
        "Required-Start": "$local_fs $remote_fs $network $syslog $named",
        "Required-Stop": "$local_fs $remote_fs $network $syslog $named",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "Apache2 web server",
        "Description": "The Apache HTTP server",
    },
)
