"""Write a wrapper to ``/etc/init.d`` and register it, or write a unit and enable it."""

from __future__ import annotations

import os.path
import sys

from ..control.run import run
from ..control.units import find_systemctl
from ..errors import InitError
from ..host import Host
from ..service import Service
from ..systemctl import DIRECTORY
from .systemd import ensure_unit, write_unit

WITHIN = 60.0  # seconds for the program that registers

# The programs that register a script. The first that exists is used.
_REGISTRARS = (
    ("/usr/sbin/update-rc.d", "{name}", "defaults"),
    ("/sbin/chkconfig", "--add", "{name}"),
)
# Upstream's OpenRC starts only what is written for openrc-run (sh/gendepends.sh). Debian's and
# Devuan's, which has lsb2rcconf, is told by update-rc.d.
_OPENRC = "/sbin/rc-update"


def write_wrapper(path: str, text: str, host: Host) -> None:
    """Write a wrapper as an executable file. Raises InitError."""
    host.write(path, text, 0o755)


def install(service: Service, text: str, host: Host) -> str:
    """Write ``/etc/init.d/NAME`` and register it; return one line that tells what was done.

    Where systemd runs the host, and would not call the script, a unit does that.

    Raises InitError if it cannot be written or registered.
    """
    path = f"{DIRECTORY}/{service.name}"
    write_wrapper(path, text, host)
    told = f"{path} written; there is no update-rc.d or chkconfig to register it with"
    if host.is_executable(_OPENRC):
        told += ", and this OpenRC starts only scripts for openrc-run: not this one"
    for program, *args in _REGISTRARS:
        if host.is_executable(program):
            argv = [program, *(a.format(name=service.name) for a in args)]
            told = _register(path, argv, host)
            break
    return "; ".join(filter(None, (told, ensure_unit(service, host))))


def register(name: str, host: Host) -> None:
    """Register a script that is in ``/etc/init.d``. Raises InitError."""
    for program, *args in _REGISTRARS:
        if host.is_executable(program):
            _register(f"{DIRECTORY}/{name}", [program, *(a.format(name=name) for a in args)], host)
            return


def install_unit(service: Service, wrapper: str, unit: str, host: Host) -> str:
    """Write the wrapper and the unit that calls it, and enable the unit.

    Return one line that tells what was done. Raises InitError if they cannot be written
    or enabled.
    """
    if not find_systemctl(host):
        raise InitError("there is no systemctl, so a unit would have no effect: nothing written")
    write_wrapper(f"{DIRECTORY}/{service.name}", wrapper, host)
    return write_unit(service.name, unit, host)


def _register(path: str, argv: list[str], host: Host) -> str:
    run_well(argv, host)
    return f"{path} written, registered with {' '.join(argv)}"


def run_well(argv: list[str], host: Host) -> None:
    """Run a program of the host. Raises InitError, with what it said, if it fails."""
    finished = run(argv, host, within=WITHIN)
    if finished.code:
        raise InitError(f"{' '.join(argv)} failed", finished.output)


# The packages that a wrapper and its children import, besides the standard library.
_LIBRARIES = ("initpy", "psutil", "daemon", "lockfile")


def trusted_python(host: Host) -> tuple[str, list[str]]:
    """Return the interpreter of a wrapper and the folders from which it imports: ours.

    Root will run this code at every boot. Raises InitError if another user than root can
    change or replace it, or if a library is missing.
    """
    interpreter = sys.executable
    libraries = [_origin(name) for name in _LIBRARIES]
    for named in (interpreter, *libraries):
        for path in (named, host.realpath(named)):
            if reason := host.distrust_for_root(path):
                raise InitError(
                    f"{path} is not fit for a script that root runs: {reason}; "
                    "install initpy for root, as its package or with its pip"
                )
    folders = dict.fromkeys(path.rpartition("/")[0].rpartition("/")[0] for path in libraries)
    return interpreter, list(folders)


def _origin(package: str) -> str:
    """Return the absolute path of the ``__init__.py`` that is imported for *package*."""
    from importlib.util import find_spec

    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise InitError(f"{package} is not installed for {sys.executable}: see the requirements")
    return os.path.abspath(spec.origin)
