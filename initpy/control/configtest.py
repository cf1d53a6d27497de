"""The action ``configtest``: the daemon's own test of its configuration, leaving no trace."""

from __future__ import annotations

import os.path

from ..daemons.configuration import compiled_paths, read_configuration
from ..errors import ConfigTestFailed, NotInstalled, Unimplemented, WaitTimeout
from ..host import HERE, Host
from ..service import Service
from ..state.snapshot import survey
from .error_log import gist
from .lock import ActionLock
from .run import CannotExecute, Finished, run


class TestCannotRun(ConfigTestFailed):
    """The daemon on disk is broken: its test hangs, or cannot even start."""

    __test__ = False  # not for pytest


def configtest(service: Service, host: Host = HERE, *, binary: str = "") -> None:
    """Have the daemon on disk test its configuration.

    binary: test with this one instead.

    Raises ConfigTestFailed with the daemon's own words; NotInstalled;
    NotPermitted; Unimplemented if the daemon has no such test.
    """
    if service.test_args is None:
        raise Unimplemented("this daemon has no test of its configuration")
    argv = service.command(service.test_args)
    if binary:
        argv[0] = binary
    try:
        finished = run(argv, host, within=service.timeout, interruptible=True)
    except (WaitTimeout, CannotExecute) as exc:
        raise TestCannotRun(str(exc)) from exc
    if finished.code:
        raise ConfigTestFailed(_reason(service, finished), finished.output)


def traceless_configtest(service: Service, host: Host) -> None:
    """Do ``configtest`` for a stopped service, and remove whatever it leaves behind.

    ``nginx -t`` makes an empty pidfile, log files and directories; ``php-fpm
    -t`` a log file with a line in it. Only what was not there before is removed,
    directories only if they are empty. The caller holds the lock.
    """
    if host.file_id(service.daemon) is None:
        raise NotInstalled(f"{service.daemon} is not installed")
    try:
        compiled = compiled_paths(service, host)
    except (WaitTimeout, CannotExecute) as exc:
        raise TestCannotRun(str(exc)) from exc
    writes = read_configuration(service, host).writes
    runtime = os.path.dirname(service.pidfile)  # gone after a boot, where /run is a tmpfs
    wanted = (runtime, service.pidfile, *writes, *compiled.values())
    missing = [path for path in wanted if path.startswith("/") and not host.exists(path)]
    host.make_directory(runtime)
    try:
        configtest(service, host)
    finally:
        for path in reversed(missing):
            # A pidfile with a pid in it is of somebody who starts the daemon by hand.
            if path != service.pidfile or host.size(path) == 0:
                host.remove_trace(path)


def check_configuration(service: Service, host: Host = HERE) -> None:
    """Test the configuration: the action ``configtest``. Changes nothing, leaves nothing.

    A stopped service is locked meanwhile: its daemon's test writes files that
    are then removed, and a start must not lose them.
    """
    master = survey(service, host).master
    if master is not None:
        host.require_permission(master)
        configtest(service, host)
        return
    with ActionLock(service, "configtest", host, within=service.timeout):
        traceless_configtest(service, host)


def _reason(service: Service, finished: Finished) -> str:
    if not finished.output:
        how = f"signal {-finished.code}" if finished.code < 0 else f"code {finished.code}"
        return f"{service.daemon} ended with {how} and no word when asked to test its configuration"
    return gist(finished.output)
