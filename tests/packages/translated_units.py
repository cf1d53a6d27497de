"""The units of Debian's packages: which of them are translated, and what became of the popular."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cache import TREE, cached
from commands import completed
from debian_root import APT, INIT, Root, daemons_root

from initpy.errors import InitError
from initpy.host import Host
from initpy.tools.generating.units.translation import translate

# Packages with daemons, of many kinds; the popular ones among them.
PACKAGES = """
    acpid anacron apache2 apt-cacher-ng at auditd autofs avahi-daemon bind9 bird2 chrony
    clamav-daemon clamav-freshclam collectd-core conntrackd coturn cron cups-browsed cups-daemon
    dbus dnsdist dnsmasq dovecot-core fcgiwrap fail2ban freeradius frr ganglia-monitor gdnsd gpsd
    haproxy haveged hostapd incron inspircd irqbalance kea-dhcp4-server keepalived knot
    krb5-admin-server krb5-kdc lighttpd lirc lldpd mariadb-server mdadm memcached minidlna
    miniupnpd mosquitto mpd munin-node nginx-common ngircd nscd nsd ntpsec nut-client nut-server
    open-iscsi openbsd-inetd opendkim opendmarc openntpd opensmtpd openssh-server pdns-recursor
    pdns-server php8.2-fpm postsrsd privoxy proftpd-core prometheus prometheus-alertmanager
    prometheus-node-exporter rabbitmq-server radvd redis-server rpcbind rspamd rsync rsyslog samba
    smartmontools snmpd snmptrapd spamd squid sslh strongswan-starter stubby supervisor
    syslog-ng-core tgt thermald tinyproxy tor transmission-daemon ulogd2 unbound unscd uptimed
    varnish vnstat vsftpd winbind
"""

# The units that are tried, and the packages that they need.
POPULAR = {
    "atd": ["at"],
    "cron": ["cron"],
    "cups": ["cups-daemon"],
    "dnsmasq": ["dnsmasq"],
    "dovecot": ["dovecot-imapd"],
    "haproxy": ["haproxy"],
    "lighttpd": ["lighttpd"],
    "mariadb": ["mariadb-server"],
    "memcached": ["memcached"],
    "mosquitto": ["mosquitto"],
    "named": ["bind9"],
    "nginx": ["nginx"],
    "pdns": ["pdns-backend-bind", "pdns-server"],
    "php8.2-fpm": ["php8.2-fpm"],
    "privoxy": ["privoxy"],
    "prometheus-node-exporter": ["prometheus-node-exporter"],
    "redis-server": ["redis-server"],
    "rsyslog": ["rsyslog"],
    "smbd": ["samba"],
    "snmpd": ["snmpd"],
    "squid": ["squid"],
    "ssh": ["openssh-server"],
    "tinyproxy": ["tinyproxy"],
    "unbound": ["unbound"],
    "vsftpd": ["vsftpd"],
}
_WITHIN = 600  # seconds for a package, and for a daemon
_COMMAND = """#!/usr/bin/python3
import sys
sys.path.insert(0, "/opt/initpy")
from initpy.tools.command import main
sys.exit(main())
"""


def daemon_units(packages: str = PACKAGES) -> list[Path]:
    """Return the unit files of daemons in the newest version of these packages of this Debian.

    They are downloaded once, and stay where their packages have them, below a folder for each.
    Templates are left out; and Type=oneshot, which runs a task and leaves no daemon.
    """

    def make(new: Path) -> None:
        for package in packages.split():
            folder = new / package
            folder.mkdir()
            got = completed(["apt-get", "download", "-qq", package], within=_WITHIN, cwd=folder)
            assert 0 == got.returncode, got.stdout
            (archive,) = folder.glob("*.deb")
            completed(["dpkg-deb", "-x", archive, folder / "files"], within=_WITHIN)
            for units in folder.glob("files/**/systemd/system"):
                shutil.copytree(units, folder / "units", dirs_exist_ok=True, symlinks=True)
            shutil.rmtree(folder / "files")
            archive.unlink()

    found = cached("units", packages, make).glob("*/units/*.service")
    return sorted(
        (path for path in found if _is_daemon(path)), key=lambda path: (path.name, str(path))
    )


def _is_daemon(path: Path) -> bool:
    if path.is_symlink() or path.stem.endswith("@"):
        return False
    return "Type=oneshot" not in path.read_text().splitlines()


def refusals(units: list[Path]) -> dict[str, str]:
    """Return the names of the units that are not translated, and why they are not."""
    found = {}
    for path in units:
        try:
            translate(str(path), Host())
        except InitError as exc:
            found[path.stem] = str(exc).partition(": ")[2]
    return found


def popular_root() -> Root:
    """Return the cached root in which the popular daemons are installed, and none is started."""
    base = daemons_root()
    packages = sorted({package for needed in POPULAR.values() for package in needed})

    def fetch(new: Path, *words: str) -> None:
        # What is run in a root has no network.
        command = ["chroot", new, *APT, *words]
        got = completed(command, within=_WITHIN, DEBIAN_FRONTEND="noninteractive", LC_ALL="C")
        assert 0 == got.returncode, got.stdout

    def make(new: Path) -> None:
        new.rmdir()
        root = base.copy(new)
        root.forbid_starts()
        fetch(new, "-o", "Acquire::Check-Valid-Until=false", "update")
        fetch(new, "--download-only", "install", *packages)
        root.run(*APT, "install", *packages)

    return Root(cached("bookworm-popular", (INIT, packages), make))


def tried(unit: str, base: Root, folder: Path, *, checked: bool = True) -> dict[str, str]:
    """Install the script of a unit in a copy of a root, and try it; return what failed.

    base:   it has the daemon installed.
    folder: where the copy keeps its changes: on the file system of *base*.
    checked: by scripts/check, too, which takes longer.
    """
    for layer in ("upper", "work", "root", "mnt"):
        (folder / layer).mkdir()
    root = Root(base.path, folder)
    opt = folder / "upper" / "opt" / "initpy"
    opt.mkdir(parents=True)
    for name in ("initpy", "scripts", "tests/conformance"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(TREE / name, opt / name, ignore=ignored)
    command = folder / "upper" / "usr" / "bin" / "initpy"
    command.parent.mkdir(parents=True)
    command.write_text(_COMMAND)
    command.chmod(0o755)
    shutil.copy(Path(__file__).with_name("trial.py"), folder / "mnt")
    ended = root.run("python3", "/mnt/trial.py", unit, *["check"] * checked, check=False)
    try:
        failed: dict[str, str] = json.loads(ended.stdout.rstrip().rpartition("\n")[2])
    except ValueError:
        return {"trial": ended.stdout[-2000:]}
    return failed
