"""gunicorn, as Debian packages it. Signals: https://docs.gunicorn.org/en/stable/signals.html."""

from __future__ import annotations

from ...schedule import parse_schedule
from ...service import shipped

GUNICORN = shipped(
    name="gunicorn",
    daemon="/usr/bin/gunicorn",
    pidfile="/run/gunicorn/gunicorn.pid",
    config="/etc/gunicorn/gunicorn.conf.py",
    config_flags=("--config", "-c"),
    start_args=("--daemon", "--config", "{config}", "--pid", "{pidfile}"),
    test_args=("--check-config", "--config", "{config}"),
    worker_serves="initpy.daemons.gunicorn.heartbeat:beats",
    stop=parse_schedule("TERM/35/QUIT/5/KILL/5"),  # graceful_timeout is 30 seconds
    force_quit=parse_schedule("QUIT/5/KILL/5"),
    reload="HUP",
    drain_signal="TERM",
    drain_late=parse_schedule("QUIT/5/KILL/5"),
    upgrade="initpy.protocols.oldbin:upgrade",
    second_suffix=".2",
    second_is_new=True,  # Arbiter.start, maybe_promote_master
    inherit_in_foreground=True,  # daemonize in gunicorn's util.py
    lsb={
        "Required-Start": "$local_fs $remote_fs $network",
        "Required-Stop": "$local_fs $remote_fs $network",
        "Should-Start": "$syslog $named postgresql redis",
        "Should-Stop": "$syslog $named postgresql redis",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "Python WSGI HTTP server",
        "Description": "Runs a web application written in Python",
    },
)
