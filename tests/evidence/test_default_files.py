"""Settings files of Debian's packages: read as sh reads them, and none holds up a stop."""

from __future__ import annotations

import glob
import os
import subprocess
from pathlib import Path

import pytest
from daemons import FakeNginx
from fakes import FakeHost
from real_daemons import NOBODY
from shells import Reader, agree

from initpy.cli import main
from initpy.daemons.nginx import NGINX
from initpy.settings import with_settings

pytestmark = pytest.mark.real

# They ship a file in /etc/default. None are downloaded in the normal run: then it is the
# files of this machine that are read.
PACKAGES = """
    acpid anacron apache2 apcupsd apt-cacher-ng autofs avahi-daemon bind9 bluez cgroup-tools
    chrony clamav-milter collectd console-setup courier-base cron cryptsetup dbus ddclient
    distcc dnsmasq dovecot-core dropbear-bin ebtables exim4-base fail2ban freeradius
    grub-common haproxy hdparm hostapd icecast2 ifplugd ifupdown inspircd iodine ipmitool
    ipvsadm irqbalance isc-dhcp-relay isc-dhcp-server keepalived kexec-tools ladvd lighttpd
    lldpd lm-sensors lxc lxc-utils mdadm memcached mini-httpd minidlna monit mosquitto mpd
    mumble-server nagios-nrpe-server named nbd-server netplug nfs-common nfs-kernel-server
    nslcd ntpsec openipmi opendkim opendmarc openntpd openvpn pdns-recursor postgrey
    prometheus prometheus-alertmanager prometheus-node-exporter quota radvd redis-server
    rsync rsyslog sasl2-bin saslauthd schroot slapd smartmontools snmpd snmptrapd
    spamassassin squid sslh ssh stunnel4 sysfsutils sysstat tftpd-hpa tinyproxy tor
    transmission-daemon ufw unbound unscd uptimed uwsgi varnish vsftpd watchdog wide-dhcpv6-client
    winbind x2goserver xinetd xrdp zabbix-agent znc openssh-server util-linux locales passwd
    initscripts rng-tools-debian haveged netdata-core nginx-common php8.2-fpm stubby aide-common
"""
PRIVATE = "/etc/default/initpy-"
DOWNLOADED = int(os.environ.get("INITPY_TEST_DEFAULT_FILES", "0"))
AS_NOBODY = ["setpriv", "--reuid", f"{NOBODY}", "--regid", f"{NOBODY}", "--clear-groups"]


def downloaded(folder):
    """Return the settings files of so many packages as ship one."""
    found = []
    for package in PACKAGES.split():
        if len(found) >= DOWNLOADED:
            break
        place = folder / package
        place.mkdir(mode=0o777)
        if subprocess.run(
            ["apt-get", "download", "-qq", package], cwd=place, check=False, capture_output=True
        ).returncode:
            continue
        for archive in place.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive, place], check=True)
        files = sorted(place.glob("etc/default/*"))
        found += [path for path in files if path.is_file()][:1]
    return found


def test_default_files(place):
    """Each key has the value that sh gives it, or is said to be unknown; the service is stopped."""
    folder = Path(place.root)  # users other than root may pass through
    reader = Reader(folder, before=AS_NOBODY)
    names = glob.glob("/etc/default/*")
    # But for those of private daemons: other tests, which run beside this one, remove theirs.
    files = [path for path in names if os.path.isfile(path) and not path.startswith(PRIVATE)]
    more = downloaded(folder)
    for path in [*files, *more]:
        with open(path, "rb") as file:
            text = os.fsdecode(file.read())
        agree(reader, text)
        host = FakeHost()
        nginx = FakeNginx(host)
        master = nginx.run()
        host.put("/etc/default/nginx", text)

        # Some name another configuration in DAEMON_OPTS: then the one that runs is not theirs.
        ours = NGINX.config == with_settings(NGINX, host, action="stop").config
        assert (0 if ours else 1) == main(NGINX, ["stop"], host), path
        assert ours != nginx.alive(master), path

    assert len(more) >= DOWNLOADED
