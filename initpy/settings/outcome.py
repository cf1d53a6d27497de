"""What has become of a service by its settings."""

from __future__ import annotations

from ..errors import InitError
from ..service import Service
from ..value import Value


class Settings(Value):
    """What the administrator's settings make of a service.

    A key whose value is bad, or cannot be told, leaves its field as it was declared.
    """

    service: Service
    errors: tuple[InitError, ...] = ()  # each names file and line
    instance_unknown: bool = False  # an error concerns which processes are the service's
    warnings: tuple[str, ...] = ()
