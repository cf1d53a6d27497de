"""The action ``configtest``: run the daemon's own test of its configuration."""

from __future__ import annotations

from ..control.configtest import configtest, configtest_stopped
from ..control.lock import ActionLock
from ..control.starting.prepare import make_directories
from ..host import HERE, Host
from ..service import Service
from ..state.snapshot import take_snapshot


def check_configuration(service: Service, host: Host = HERE) -> None:
    """Test the configuration. No signal is sent, and the files that the test creates are removed.

    If the service is stopped it is locked during the test: otherwise files of a start
    that runs at the same time could be removed. Raises ConfigTestFailed; NotInstalled;
    NotPermitted; Unimplemented if the daemon has no such test.
    """
    master = take_snapshot(service, host).master
    if master is not None:
        host.require_permission(master)
        configtest(service, host)
        return
    with ActionLock(service, "configtest", host, within=service.timeout):
        make_directories(service, host)
        configtest_stopped(service, host)
