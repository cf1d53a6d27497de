"""redis, as Debian packages it. Signals: https://redis.io/docs/latest/operate/oss_and_stack/."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import shipped

REDIS = shipped(
    name="redis",
    daemon="/usr/bin/redis-server",
    pidfile="/run/redis/redis-server.pid",
    config="/etc/redis/redis.conf",
    # In the foreground it writes no pidfile of its own if its path is empty.
    start_args=(
        "{config}",
        *("--supervised", "systemd", "--daemonize", "no", "--pidfile", ""),
    ),
    background=True,
    ready="notify",
    user="redis",
    directories={"/run/redis": 0o755},
    umask=0o007,
    stop=parse_schedule("TERM/60/KILL/5"),  # it writes its data first
    lsb={
        "Required-Start": "$local_fs $remote_fs $network",
        "Required-Stop": "$local_fs $remote_fs $network",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "persistent key-value database",
        "Description": "Redis keeps data structures in memory, and on disk",
    },
)
