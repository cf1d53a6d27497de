"""dnsmasq, as Debian packages it. Signals: dnsmasq(8). HUP reads hosts, not the configuration."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import Service

DNSMASQ = Service(
    name="dnsmasq",
    daemon="/usr/sbin/dnsmasq",
    pidfile="/run/dnsmasq/dnsmasq.pid",
    config="/etc/dnsmasq.conf",
    config_flags=("-C", "--conf-file"),
    default_config="/etc/dnsmasq.conf",
    start_args=("-C", "{config}", "-x", "{pidfile}", "-u", "dnsmasq", "{DNSMASQ_OPTS}"),
    test_args=("--test", "-C", "{config}"),
    words={"DNSMASQ_OPTS": ""},
    directories={"/run/dnsmasq": 0o755},
    stop=parse_schedule("TERM/10/KILL/5"),
    reload="HUP",
    lsb={
        "Required-Start": "$network $remote_fs $syslog",
        "Required-Stop": "$network $remote_fs $syslog",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "DNS, DHCP and TFTP server",
        "Description": "Answers names and gives addresses in a small network",
    },
)
