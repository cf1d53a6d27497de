"""Find the declarations: one in each module or folder of ``initpy.daemons``."""

from __future__ import annotations

from .. import daemons
from ..service import Service


def declarations() -> dict[str, Service]:
    """Return every declaration by the name of its service, in alphabetical order.

    The module or folder ``some_daemon`` holds it under the name ``SOME_DAEMON``.
    """
    import pkgutil
    from importlib import import_module

    found = []
    for module in pkgutil.iter_modules(daemons.__path__):
        folder = import_module(f"{daemons.__name__}.{module.name}")
        declared: Service = getattr(folder, module.name.upper())
        found.append(declared)
    return {service.name: service for service in sorted(found, key=lambda one: one.name)}
