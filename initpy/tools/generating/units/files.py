"""Find the file of a unit and its drop-ins, in the order of systemd.unit(5)."""

from __future__ import annotations

import os.path

from ....errors import InitError, NotInstalled
from ....host import Host
from .unit import Unit

# The first that has a file counts.
_FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_OURS = "00-initpy.conf"  # the drop-in of an earlier installation: it calls the script
_MOST = 1 << 20  # bytes of a unit file


def read_unit(named: str, host: Host) -> Unit:
    """Read a unit: a file, which has a slash in its path, or the name of one that is installed.

    Of a file the drop-ins beside it count, in FILE.d. Raises NotInstalled if there is none;
    Untranslatable for a template, and for what is masked; InitError if it cannot be read, or
    if another user than root and us could have written it.
    """
    if "/" in named:
        name, paths = _beside(os.path.abspath(named), host)
    else:
        name, paths = _installed(named.removesuffix(".service"), host)
    unit = Unit(name, [_text(path, host) for path in paths], host)
    if name.endswith("@"):
        raise unit.refusal(f"it is a template: name an instance of it, {name}INSTANCE")
    if not unit.has("Service"):
        raise unit.refusal("it is masked, or has no section [Service]")
    return unit


def read_socket(name: str, beside: str, host: Host) -> Unit | None:
    """Return the unit of a socket, "foo.socket"; None if there is none.

    beside: the unit of the service, as ``read_unit`` was given it.
    """
    folders = [os.path.dirname(os.path.abspath(beside))] if "/" in beside else []
    path = _first(name, [*folders, *_FOLDERS], host)
    if not path:
        return None
    files: dict[str, str] = {}
    for folder in [*folders, *_FOLDERS]:
        for drop_in in host.glob(f"{folder}/{name}.d/*.conf"):
            files.setdefault(drop_in.rpartition("/")[2], drop_in)
    texts = [_text(one, host) for one in (path, *(files[key] for key in sorted(files)))]
    return Unit(name.removesuffix(".socket"), texts, host, "socket")


def _beside(path: str, host: Host) -> tuple[str, list[str]]:
    if not host.exists(path):
        raise NotInstalled(f"{path} does not exist")
    if not path.endswith(".service"):
        raise InitError(f"{path} is not the unit of a service: its name does not end in .service")
    name = path.rpartition("/")[2].removesuffix(".service")
    return name, [path, *sorted(host.glob(f"{path}.d/*.conf"))]


def _installed(name: str, host: Host) -> tuple[str, list[str]]:
    """Return the name by which systemd knows a unit, and its files."""
    prefix, at, instance = name.partition("@")
    path = _first(f"{name}.service", _FOLDERS, host)
    if not path and instance:
        path = _first(f"{prefix}@.service", _FOLDERS, host)
    if not path:
        where = ", ".join(_FOLDERS)
        raise NotInstalled(
            f"there is no {name}.service in {where} (the path of a file has a slash in it)"
        )
    real = host.realpath(path).rpartition("/")[2]
    names = [name]
    if real.endswith(".service") and "@" not in real:
        names.insert(0, real.removesuffix(".service"))
    dropped = [f"{one}.service" for one in names]
    if at:
        dropped.append(f"{prefix}@.service")
    dashes = prefix.split("-")
    dropped += [f"{'-'.join(dashes[:count])}-.service" for count in range(len(dashes) - 1, 0, -1)]
    files: dict[str, str] = {}
    for one in [*dict.fromkeys(dropped), "service"]:
        for folder in _FOLDERS:
            for drop_in in host.glob(f"{folder}/{one}.d/*.conf"):
                files.setdefault(drop_in.rpartition("/")[2], drop_in)
    files.pop(_OURS, None)
    return names[0], [path, *(files[key] for key in sorted(files))]


def _first(name: str, folders: list[str] | tuple[str, ...], host: Host) -> str:
    paths = [f"{folder}/{name}" for folder in folders]
    return next((path for path in paths if host.version(path)), "")


def _text(path: str, host: Host) -> str:
    """Return the text of a file; "" for a link to /dev/null, which masks what has its name."""
    real = host.realpath(path)
    if real == "/dev/null":
        return ""
    facts = host.examine(real, _MOST)
    if facts is None:
        raise InitError(f"{path} leads to {real}, which does not exist")
    if facts.size > _MOST:
        raise InitError(f"{path} is too large for a unit file")
    if reason := host.distrust_file(facts) or host.distrust(real):
        raise InitError(f"{path} is not used: {reason}")
    return facts.text
