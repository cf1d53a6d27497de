"""dnsmasq, as Debian packages it. Signals: dnsmasq(8). HUP reads hosts, not the configuration."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import shipped

# As /usr/share/dnsmasq/init-system-common of Debian has it: without the first, one that no
# configuration restricts answers the whole internet.
_DEBIAN = ("--local-service", "--conf-dir={CONFIG_DIR}")

DNSMASQ = shipped(
    name="dnsmasq",
    daemon="/usr/sbin/dnsmasq",
    pidfile="/run/dnsmasq/dnsmasq.pid",
    config="/etc/dnsmasq.conf",
    config_flags=("-C", "--conf-file"),
    default_config="/etc/dnsmasq.conf",
    start_args=("-C", "{config}", "-x", "{pidfile}", "-u", "dnsmasq", *_DEBIAN, "{DNSMASQ_OPTS}"),
    test_args=("--test", "-C", "{config}", *_DEBIAN),
    words={
        "DNSMASQ_OPTS": "",
        "CONFIG_DIR": "/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new",
    },
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
