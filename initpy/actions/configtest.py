"""The action ``configtest``: the daemon's own test of its configuration, leaving no trace."""

from __future__ import annotations

from ..control.configtest import configtest, traceless_configtest
from ..control.lock import ActionLock
from ..host import HERE, Host
from ..service import Service
from ..state.snapshot import take_snapshot


def check_configuration(service: Service, host: Host = HERE) -> None:
    """Test the configuration: the action ``configtest``. Changes nothing, leaves nothing.

    A stopped service is locked meanwhile: its daemon's test writes files that
    are then removed, and a start must not lose them.
    """
    master = take_snapshot(service, host).master
    if master is not None:
        host.require_permission(master)
        configtest(service, host)
        return
    with ActionLock(service, "configtest", host, within=service.timeout):
        traceless_configtest(service, host)
