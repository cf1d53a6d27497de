"""Install a wrapper in the place of other scripts for the same daemon, and give these back.

What is there before is written to ``/etc/initpy/NAME.json``, before anything is changed: the
boot links of each script, and where each script is kept. A script that belongs to a Debian
package is diverted (dpkg-divert(1)), so that an upgrade of the package does not bring it
back; any other is renamed. ``uninstall`` reads that file, and so does ``install`` if it
fails halfway.
"""

from __future__ import annotations

import json

from ...control.run import run
from ...control.units import find_systemctl
from ...errors import InitError, NotPermitted
from ...host import Host
from ...service import Service
from ...systemctl import DIRECTORY
from .. import register
from ..register import WITHIN, run_well
from ..systemd import UNITS, remove_unit
from .boot_links import boot_links, restore_links, unregister
from .dpkg import divert, is_diverted, owner_of, undivert
from .scripts import is_wrapper, scripts, starts_same, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = "/etc/initpy"
_MOST = 1 << 20  # bytes of the file that tells what was there before


class Installation:
    """What an installation has changed under one name, and how that is undone."""

    def __init__(self, name: str, host: Host) -> None:
        """Read what is known of it; there may be nothing yet. Raises InitError."""
        self.name, self._host = name, host
        self._file = f"{FOLDER}/{name}.json"
        facts = host.examine(self._file, _MOST)
        self.known = facts is not None
        try:
            before = json.loads(facts.text) if facts is not None else {}
            self._kept: dict[str, str] = before.get("kept", {})  # by the path of the script
            self._links: dict[str, dict[str, str]] = before.get("links", {})  # by its name
            self._units: list[str] = before.get("units", [])  # that were enabled
        except (ValueError, AttributeError):
            raise InitError(
                f"{self._file} cannot be read: see {FOLDER} for the scripts that are kept"
            ) from None

    def put_aside(self, path: str) -> str:
        """Keep a script, or a unit, elsewhere, without boot links; return a sentence of it."""
        host, name = self._host, path.rpartition("/")[2]
        kept = self._kept[path] = f"{FOLDER}/{name}.kept"
        other = name not in (self.name, f"{self.name}.service")
        if other:
            self._note(name)
        self.write()
        linked = other and bool(boot_links(name, host))
        if linked:
            unregister(name, host)
        if other and f"{name}.service" in self._units:
            run_well([find_systemctl(host), "disable", f"{name}.service"], host)
        if owner := owner_of(path, host):
            divert(path, kept, host)
        else:
            host.rename(path, kept)
        if other and path.startswith(f"{DIRECTORY}/"):
            # What calls it by that name goes on doing so: invoke-rc.d, logrotate, a cron job.
            host.make_link(path, self.name)
        what = f"{path}, which starts the same daemon," if other else path
        how = f", diverted from package {owner}" if owner else ""
        how += ", without its boot links" if linked else ""
        return f"{what} is kept as {kept}{how}: initpy uninstall {self.name} gives it back"

    def write(self) -> None:
        """Write down what was there before. Raises InitError."""
        self._note(self.name)
        self._host.make_directory(FOLDER)
        before = {"kept": self._kept, "links": self._links, "units": self._units}
        self._host.write(self._file, json.dumps(before, indent=1, sort_keys=True) + "\n")

    def undo(self) -> list[str]:
        """Have everything as it was before; return a sentence for each script. Raises InitError."""
        host = self._host
        systemctl = find_systemctl(host)
        said = [told] if (told := remove_unit(self.name, host)) else []
        if _is_ours(f"{DIRECTORY}/{self.name}", host):
            host.remove(f"{DIRECTORY}/{self.name}")
        said += [self._give_back(path, kept) for path, kept in self._kept.items()]
        for name, links in self._links.items():
            restore_links(name, links, host)
        for unit in self._units:
            run_well([systemctl, "enable", unit], host)
        if systemctl and host.exists("/run/systemd/system"):  # sd_booted(3)
            run_well([systemctl, "daemon-reload"], host)
        host.remove(self._file)
        host.remove_empty(FOLDER)
        return said

    def forget(self) -> None:
        """Take it that nothing was there before: no script, and no boot links."""
        self._links = {self.name: {}}

    def _give_back(self, path: str, kept: str) -> str:
        host = self._host
        if host.link_target(path) == self.name:
            host.remove(path)
        there, here = host.exists(kept), host.exists(path)
        rename = there and not here
        if is_diverted(path, host):
            undivert(path, kept, host, rename=rename)
        elif rename:
            host.rename(kept, path)
        if here:
            return f"{path} is as it was" + (f"; an earlier one is left as {kept}" if there else "")
        return f"{path} is given back" if there else f"{path} has been removed by its package"

    def _note(self, name: str) -> None:
        """Note how a script is started with the host, if that is not known yet."""
        if name in self._links:
            return
        self._links[name] = boot_links(name, self._host)
        unit, systemctl = f"{name}.service", find_systemctl(self._host)
        if systemctl:
            asked = run([systemctl, "is-enabled", unit], self._host, within=WITHIN)
            if asked.output.strip() == "enabled":
                self._units.append(unit)


def _require_root(host: Host) -> None:
    """Raise NotPermitted for any other user."""
    if host.geteuid() != 0:
        raise NotPermitted("only root may install and uninstall scripts")


def install(service: Service, text: str, host: Host) -> str:
    """Install a wrapper as the only script for its daemon; return what was done, in lines.

    Raises InitError, and then everything is as before; NotPermitted.
    """
    return _install_over(service, lambda: register.install(service, text, host), host)


def install_unit(service: Service, wrapper: str, unit: str, host: Host) -> str:
    """Install a wrapper, and the unit that calls it. As ``install``."""

    def write() -> str:
        return register.install_unit(service, wrapper, unit, host)

    return _install_over(service, write, host)


def _install_over(service: Service, write: Callable[[], str], host: Host) -> str:
    """Put other scripts for the same daemon aside, then write and register."""
    _require_root(host)
    path, unit = f"{DIRECTORY}/{service.name}", f"{UNITS}/{service.name}.service"
    same = [path] if host.exists(path) else []
    for one in scripts(host):
        leads_here = host.link_target(one) and host.realpath(one) == path
        if one != path and not leads_here and starts_same(service, one, host):
            same.append(one)
    for one in same:
        _refuse_wrapper(service, one, path, host)
    own = Installation(service.name, host)
    fresh = not own.known and not _is_ours(path, host)
    if host.exists(unit):
        same.append(unit)
    try:
        own.write()
        said = [own.put_aside(one) for one in same if not _is_ours(one, host)]
        said.append(write())
    except BaseException:
        if fresh:
            own.undo()
        raise
    return "\n".join(said)


def uninstall(name: str, host: Host) -> str:
    """Remove a wrapper, and have everything as before; return what was done, in lines.

    Raises InitError; NotPermitted.
    """
    _require_root(host)
    path = f"{DIRECTORY}/{name}"
    own = Installation(name, host)
    if not own.known:
        if not _is_ours(path, host):
            return f"{path} is not a script of initpy: nothing to do"
        if owner := owner_of(host.realpath(path), host):
            raise InitError(f"{path} is the script of package {owner}: remove that package")
        own.forget()
    return "\n".join([f"{path} of initpy is removed", *own.undo()])


def _refuse_wrapper(service: Service, one: str, path: str, host: Host) -> None:
    """Raise InitError if a script is a wrapper that is not to be replaced."""
    if not _is_ours(one, host):
        return
    if owner := owner_of(host.realpath(one), host):
        raise InitError(f"{one} is initpy's script of package {owner}: there is nothing to install")
    if one != path:
        name = one.rpartition("/")[2]
        raise InitError(
            f"{one} is initpy's script for the same daemon: use that, or initpy uninstall {name} "
            f"before you install {service.name}"
        )


def _is_ours(path: str, host: Host) -> bool:
    """Tell whether a script is a wrapper, or a unit that runs the wrapper of its name."""
    text = text_of(path, host)
    name, dot, _ = path.rpartition("/")[2].rpartition(".service")
    return is_wrapper(text) or bool(dot and f"ExecStart={DIRECTORY}/{name} start" in text)
