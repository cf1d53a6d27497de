"""The variables that the settings export, and a running master that may not have them."""

from __future__ import annotations

from ..host import Host
from ..service import Service
from ..state.snapshot import take_snapshot


def tell_missing_variables(service: Service, host: Host) -> None:
    """Tell which variables of the settings the master lacks, or has with other values.

    A reload changes nothing of its environment, and one that executes a new binary chooses
    what that gets.
    """
    # So does nginx in ngx_set_environment.
    master = take_snapshot(service, host).master if service.environment else None
    has = host.surroundings(master).environment if master else None
    if has is None:
        return
    missing = [key for key, value in service.environment.items() if has.get(key) != value]
    if missing:
        host.tell(
            f"master {master} does not have what the settings export: {', '.join(missing)}; "
            "restart gives it that"
        )
