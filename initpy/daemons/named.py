"""named of BIND 9, as Debian packages it. Signals: named(8)."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import shipped

NAMED = shipped(
    name="named",
    daemon="/usr/sbin/named",
    pidfile="/run/named/named.pid",
    config="/etc/bind/named.conf",
    config_flags=("-c",),
    default_config="/etc/bind/named.conf",
    start_args=("-c", "{config}", "{OPTIONS}"),
    test=("/usr/bin/named-checkconf", "{config}"),
    words={"OPTIONS": "-u bind"},
    stop=parse_schedule("TERM/30/KILL/5"),
    reload="HUP",
    lsb={
        "Required-Start": "$remote_fs $network $syslog",
        "Required-Stop": "$remote_fs $network $syslog",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "domain name server",
        "Description": "BIND 9 answers and resolves names",
    },
)
