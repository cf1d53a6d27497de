"""memcached. Its options stand in /etc/default/memcached, not in Debian's /etc/memcached.conf."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import shipped

MEMCACHED = shipped(
    name="memcached",
    daemon="/usr/bin/memcached",
    pidfile="/run/memcached/memcached.pid",
    start_args=("{OPTIONS}",),
    background=True,
    words={"OPTIONS": "-m 64 -p 11211 -l 127.0.0.1"},
    user="memcache",
    directories={"/run/memcached": 0o755},
    stop=parse_schedule("TERM/10/KILL/5"),
    lsb={
        "Required-Start": "$local_fs $remote_fs $network",
        "Required-Stop": "$local_fs $remote_fs $network",
        "Should-Start": "$syslog",
        "Should-Stop": "$syslog",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "memory object caching system",
        "Description": "A cache in memory, which many clients share",
    },
)
