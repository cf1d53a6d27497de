"""The service's configuration, read by the reader that its declaration names."""

from __future__ import annotations

import os.path

from ..contracts import Configuration
from ..host import Host
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import ReadConfiguration


def read_configuration(service: Service, host: Host) -> Configuration:
    """Read the configuration. It is empty if the declaration names no reader."""
    if service.read_configuration is None:
        return Configuration()
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


def _name_in(place: str, port: str) -> str:
    """Return the host name of a place with that port, or "" if it has an address."""
    name, _, its_port = place.rpartition(":")
    literal = ":" in name or not name.strip("0123456789.")
    return "" if its_port != port or literal or name.startswith("/") else name
