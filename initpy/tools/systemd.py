"""Where systemd runs the host: it has a unit that calls the script, or is given one.

systemd's own generator makes a unit of each script in ``/etc/init.d``. systemd 260 has dropped
it. And a unit that comes with the daemon's package takes precedence over a script, in every
version. In both cases systemd would never call the script.
"""

from __future__ import annotations

from ..control.run import run
from ..control.units import find_systemctl
from ..errors import InitError
from ..host import Host
from ..service import Service
from ..systemctl import DIRECTORY
from .systemd_unit import render_drop_in, render_unit

UNITS = "/etc/systemd/system"
WITHIN = 60.0  # seconds for systemctl
_RUNS = "/run/systemd/system"  # there is such a folder only where systemd runs: sd_booted(3)
# Drop-ins are read in the order of their names, and the last one counts: root's own come later.
_DROP_IN = "00-initpy.conf"
_MOST = 1 << 16  # bytes that are read of a unit
# The folders of systemd.unit(5) and systemd.generator(7), the first one counts.
_LIBRARIES = ("/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")
_ETC_AND_RUN = ("/run/systemd", "/etc/systemd")
_GENERATOR = "system-generators/systemd-sysv-generator"


def ensure_unit(service: Service, host: Host) -> str:
    """Give systemd, if it runs this host, a unit that calls the script, unless it has one.

    Return a sentence that tells why and what was done; "" if nothing had to be done. The
    script has been written. Raises InitError.
    """
    name = service.name
    if not is_run_by_systemd(host):
        return ""
    calls, other = _known_unit(name, host)
    if calls:
        return ""
    if not other:
        unit = render_unit(service, _script(name))
        return f"systemd makes no unit of it: {write_unit(name, unit, host)}"
    folder = f"{UNITS}/{name}.service.d"
    host.make_directory(folder)
    host.write(f"{folder}/{_DROP_IN}", render_drop_in(service, _script(name)))
    told = f"{other} does not call it: {folder}/{_DROP_IN} written"
    if host.exists(_RUNS) and not _known_unit(name, host)[0]:
        remove_unit(name, host)
        what = f"a later drop-in of {name}.service has a command of its own"
        raise InitError(
            f"{what}, so systemd would not call {_script(name)}: see systemctl cat {name}"
        )
    asked = run([find_systemctl(host), "is-enabled", f"{name}.service"], host, within=WITHIN)
    if asked.code:
        told += f"; the unit is {asked.output.strip()}: systemctl enable {name}"
    return told


def is_run_by_systemd(host: Host) -> bool:
    """Tell whether systemd runs this host, or would if it were booted."""
    return bool(find_systemctl(host)) and (host.exists(_RUNS) or _is_init(host))


def write_unit(name: str, text: str, host: Host) -> str:
    """Write a unit to ``/etc/systemd/system``, and enable it; return what was done.

    Raises InitError.
    """
    path = f"{UNITS}/{name}.service"
    host.write(path, text)
    # It also lets a running systemd read its units again.
    _systemctl(["enable", f"{name}.service"], host)
    return f"{path} written, registered with {find_systemctl(host)} enable {name}.service"


def remove_unit(name: str, host: Host) -> str:
    """Remove what was written for a script of that name; return what was done, "" if nothing.

    A unit that was there before calls its own commands again. Raises InitError.
    """
    unit = f"{UNITS}/{name}.service"
    drop_in = f"{unit}.d/{_DROP_IN}"
    removed = []
    if _names_script(unit, name, host):
        _systemctl(["disable", f"{name}.service"], host)
        host.remove(unit)
        removed.append(unit)
    if host.version(drop_in):
        host.remove(drop_in)
        host.remove_empty(f"{unit}.d")
        removed.append(drop_in)
    if removed and host.exists(_RUNS):
        _systemctl(["daemon-reload"], host)
    return f"{' and '.join(removed)} removed" if removed else ""


def _known_unit(name: str, host: Host) -> tuple[bool, str]:
    """Return whether systemd has a unit that calls the script; and the unit that it has, or ""."""
    if not host.exists(_RUNS):
        paths = [f"{folder}/system/{name}.service" for folder in ("/etc/systemd", *_LIBRARIES)]
        found = next(filter(host.version, paths), "")
        if found:
            drop_in = f"{UNITS}/{name}.service.d/{_DROP_IN}"
            return any(_names_script(path, name, host) for path in (found, drop_in)), found
        generators = [f"{folder}/{_GENERATOR}" for folder in (*_ETC_AND_RUN, *_LIBRARIES)]
        # A link to /dev/null masks the others of its name.
        return host.is_executable(next(filter(host.version, generators), "")), ""
    _systemctl(["daemon-reload"], host)
    asked = ["show", "--property=LoadState,FragmentPath,ExecStart", f"{name}.service"]
    shown = dict(line.split("=", 1) for line in _systemctl(asked, host).splitlines() if "=" in line)
    if shown.get("LoadState") == "masked":
        raise InitError(f"{name}.service is masked: systemctl unmask {name}, and install it again")
    return f"path={_script(name)} ;" in shown.get("ExecStart", ""), shown.get("FragmentPath", "")


def _names_script(path: str, name: str, host: Host) -> bool:
    """Tell whether the unit or drop-in in that file starts the service by the script."""
    facts = host.examine(path, _MOST)
    return facts is not None and f"ExecStart={_script(name)} start" in facts.text.splitlines()


def _script(name: str) -> str:
    return f"{DIRECTORY}/{name}"


def _is_init(host: Host) -> bool:
    """Tell whether systemd is what the kernel starts, in an image that has not been booted."""
    return host.realpath("/sbin/init").endswith("/systemd")


def _systemctl(argv: list[str], host: Host) -> str:
    """Run systemctl; return its output. Raises InitError if it fails."""
    command = [find_systemctl(host), *argv]
    finished = run(command, host, within=WITHIN)
    if finished.code:
        raise InitError(f"{' '.join(command)} failed", finished.output)
    return finished.output
