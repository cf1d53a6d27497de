"""Whose a daemon is, and the variables that tell it so."""

from __future__ import annotations

from ...errors import SettingsError
from ...host import Host
from ...service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...host import Account


def account_of(service: Service, host: Host) -> Account | None:
    """Return the user that the daemon is started as; None for ours.

    Raises SettingsError if there is none; NotPermitted.
    """
    if not service.user:
        return None
    try:
        return host.account(service.user, service.capabilities)
    except SettingsError as exc:
        raise SettingsError(f"user {service.user!r}: {exc}") from exc


def environment_of(service: Service, account: Account | None) -> Mapping[str, str]:
    """Return the variables that the daemon is given, those that name its user among them."""
    return {**(account.environment if account else {}), **service.environment}
