"""Debian with another init than sysvinit's own: made once, and kept in the cache."""

from __future__ import annotations

import shutil

from booting import SCRIPT, SITE
from cache import cached
from debian_root import APT, DAEMONS, Root, _host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from booting import Disk

INSTALL = """
dpkg --install /srv/*.deb
initpy install php-fpm --name "$1"
initpy install nginx
"""
SLOW = "/index.php?until=/tmp/free&ms=1000"

# Without systemd-standalone-tmpfiles, php-fpm would bring in all of systemd.
OPENRC = ("trixie", "openrc", "sysvinit-core", "systemd-standalone-tmpfiles", "ifupdown")
SYSTEMD = ("sid", "systemd-sysv", "sysvinit-utils")


def _root(suite: str, *init: str) -> Root:
    """Return the cached root of that suite with that init, and the daemons."""

    def make(new: Path) -> None:
        _host("debootstrap", "--variant=minbase", suite, new)
        root = Root(new)
        root.forbid_starts()
        # One after the other: what the daemons register with is to be there.
        for packages in (init, DAEMONS):
            _host("chroot", new, *APT, "install", *packages)
        _host("chroot", new, *APT, "clean")
        root.allow_starts()

    return Root(cached(f"{suite}-{init[0]}", (init, DAEMONS), make))


def openrc_root() -> Root:
    """Return a Debian 13 with OpenRC, whose process 1 is sysvinit or openrc-init."""
    return _root(*OPENRC)


def systemd_root() -> Root:
    """Return a Debian sid with systemd, which knows of no init scripts any more."""
    return _root(*SYSTEMD)


def services(root: Root) -> tuple[str, str]:
    """Return the names of both services, php-fpm's as its package has it: php8.4-fpm."""
    (version,) = (path.name for path in (root.path / "etc/php").iterdir())
    return f"php{version}-fpm", "nginx"


def with_services(disk: Disk, fpm: str, packages: list[Path]) -> Disk:
    """Install initpy's library, and by its command the scripts of nginx and php-fpm.

    fpm: the name of php-fpm's.
    """
    disk.write("/etc/nginx/sites-available/default", SITE.replace("php8.2-fpm", fpm))
    disk.write("/var/www/html/index.php", SCRIPT)
    (disk.written / "srv").mkdir()
    for package in packages:
        if package.name.startswith("python3-"):
            shutil.copy(package, disk.written / "srv")
    disk.run("sh", "-euc", INSTALL, "sh", fpm)
    return disk
