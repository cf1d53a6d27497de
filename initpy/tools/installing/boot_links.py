"""The links by which a host starts and stops a script: what they are, and have them again."""

from __future__ import annotations

import re

from ...host import Host
from ...systemctl import DIRECTORY
from ..register import register, run_well

_LINKS = ("/etc/rc?.d/[SK]*", "/etc/rc.d/rc?.d/[SK]*", "/etc/runlevels/*/*")
_UNREGISTRARS = (
    ("/usr/sbin/update-rc.d", "-f", "{name}", "remove"),
    ("/sbin/chkconfig", "--del", "{name}"),
    ("/sbin/rc-update", "--all", "del", "{name}"),
)


def boot_links(name: str, host: Host) -> dict[str, str]:
    """Return the links that have a script started and stopped with the host, and their targets."""
    number = re.compile(rf"([SK]\d\d)?{re.escape(name)}")
    found = {
        f"{host.realpath(folder)}/{link}"
        for pattern in _LINKS
        for folder, _, link in (path.rpartition("/") for path in host.glob(pattern))
        if number.fullmatch(link)
    }
    return {path: target for path in sorted(found) if (target := host.link_target(path))}


def restore_links(name: str, wanted: dict[str, str], host: Host) -> None:
    """Have those boot links, or none. The numbers are left to what orders the scripts."""
    if not host.exists(f"{DIRECTORY}/{name}"):
        wanted = {}
    if not wanted:
        if boot_links(name, host):
            unregister(name, host)
        return
    register(name, host)
    now = boot_links(name, host)

    def kinds(links: dict[str, str]) -> set[str]:
        return {re.sub(r"/([SK])\d\d", r"/\1", path) for path in links}

    if kinds(now) != kinds(wanted):
        for path in now:
            host.remove(path)
        for path, target in wanted.items():
            host.make_link(path, target)
        register(name, host)  # it leaves links that are there, and writes down the order


def unregister(name: str, host: Host) -> None:
    """Remove the boot links of a script. Raises InitError."""
    for program, *args in _UNREGISTRARS:
        if host.is_executable(program):
            run_well([program, *(one.format(name=name) for one in args)], host)
            return
