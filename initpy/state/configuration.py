"""The service's configuration, read by the reader that its declaration names."""

from __future__ import annotations

import os.path

from ..contracts import Configuration
from ..host import Host
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import ReadConfiguration, TakeConfig


_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - it is compared


def read_configuration(service: Service, host: Host) -> Configuration:
    """Read the configuration; without a reader it names the logs of the declaration."""
    if service.read_configuration is None:
        return Configuration(logs=service.logs)
    read: ReadConfiguration = resolve(service.read_configuration)
    return read(service, host)


def listens_at(config: Configuration, place: str, host: Host) -> bool | None:
    """Tell whether the configuration has the daemon listen at *place*, a ``Listener.place``.

    Paths are compared as files: the daemon may write ``//`` or ``/./``, or go through a link.
    None if it cannot be told: a host name stands there with this port, and /etc/hosts does
    not have that name. This is the only place where names are looked up.
    """
    if place.startswith("/"):
        if os.path.normpath(place) in config.listens:
            return True
        file = host.file_id(place)
        paths = (path for path in config.listens if path.startswith("/"))
        return file is not None and file in map(host.file_id, paths)
    if place in config.listens:
        return True
    address, _, port = place.rpartition(":")
    names = {name for at in config.listens if (name := _name_in(at, port))}
    known = [host.addresses_of(name) for name in names]
    if any(address in addresses for addresses in known):
        return True
    return False if all(known) else None


def serves_at(declared: str, places: set[str]) -> bool:
    """Tell whether one of *places*, as the kernel has them, is the place of a declaration.

    >>> serves_at("*:80", {"0.0.0.0:80"}), serves_at("127.0.0.1:80", {"0.0.0.0:81"})
    (True, False)
    """
    if declared.startswith("/"):
        return any(os.path.normpath(place) == os.path.normpath(declared) for place in places)
    address, _, port = declared.rpartition(":")
    address = address.strip("[]")
    wild = address in ("", "*")
    for place in places:
        its, _, its_port = place.rpartition(":")
        if its_port == port and (wild or its.strip("[]") in (address, *_ANYWHERE)):
            return True
    return False


def _name_in(place: str, port: str) -> str:
    """Return the host name of a place with that port, or "" if it has an address."""
    name, _, its_port = place.rpartition(":")
    literal = ":" in name or not name.strip("0123456789.")
    return "" if its_port != port or literal or name.startswith("/") else name


def split_config(service: Service, options: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Return the configuration that the daemon's options name, and the other options.

    The configuration identifies the instance, so it has its own field.
    """
    if service.take_config is not None:
        take: TakeConfig = resolve(service.take_config)
        return take(service, options)
    # A long flag and its value in one word: --flag=VALUE. A short one: -fVALUE.
    joined = tuple(f"{flag}=" if flag.startswith("--") else flag for flag in service.config_flags)
    config = None
    others = []
    words = list(options)
    while words:
        word = words.pop(0)
        if word in service.config_flags and words:
            config = words.pop(0)
        elif word not in service.config_flags and word.startswith(joined):
            config = next(word[len(start) :] for start in joined if word.startswith(start))
        else:
            others.append(word)
    return config, tuple(others)
