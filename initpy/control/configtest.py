"""The daemon's own test of its configuration."""

from __future__ import annotations

import os.path

from ..errors import ConfigTestFailed, NotInstalled, OtherPidfile, Unimplemented, WaitTimeout
from ..host import HERE, Host
from ..service import Service
from ..state.configuration import read_configuration
from ..state.pidfile import EMPTY, read_pidfile
from .ask import ask_configuration
from .error_log import read_log
from .run import CannotExecute, Finished, run


class TestCannotRun(ConfigTestFailed):
    """The daemon on disk is broken: its test hangs, or cannot be executed."""

    __test__ = False  # not for pytest


def configtest(service: Service, host: Host = HERE, *, binary: str = "") -> None:
    """Let the daemon on disk test its configuration.

    binary: run this executable instead of the one on disk.

    Raises ConfigTestFailed with the daemon's own output; OtherPidfile; NotInstalled;
    NotPermitted; Interrupted; Unimplemented if the daemon has no such test.
    """
    if service.test_args is None:
        raise Unimplemented("this daemon has no test of its configuration")
    if host.file_id(service.daemon) is None:
        raise NotInstalled(f"{service.daemon} is not installed")
    # Before the test, which makes the pidfile that the configuration names.
    _require_own_pidfile(service, host)
    argv = service.command(service.test_args)
    if binary:
        argv[0] = binary
    try:
        finished = run(argv, host, within=service.timeout, interruptible=True)
    except (WaitTimeout, CannotExecute) as exc:
        raise TestCannotRun(str(exc)) from exc
    if finished.code:
        raise ConfigTestFailed(_reason(service, finished), finished.output)


def configtest_stopped(service: Service, host: Host) -> None:
    """Do ``configtest`` for a stopped service. The caller holds the lock.

    The folder of its pidfile is made for it, since it is gone after a boot where /run is
    a tmpfs. That folder is removed again, and an empty pidfile that the test has left;
    nothing else is: log files that a daemon makes are the daemon's.
    """
    # nginx -t opens its pidfile, and leaves it empty (ngx_create_pidfile).
    was_there = host.exists(service.pidfile)
    made = host.make_directory(os.path.dirname(service.pidfile))
    try:
        configtest(service, host)
    finally:
        # One with a pid in it is of a daemon that was started by hand meanwhile.
        if not was_there and read_pidfile(service.pidfile, host).verdict == EMPTY:
            host.remove(service.pidfile)
        for folder in made:
            host.remove_empty(folder)


def _require_own_pidfile(service: Service, host: Host) -> None:
    """Raise OtherPidfile if the configuration names another pidfile than the service has.

    The daemon would write that one, and every action would wait for ours in vain. What is
    read in the file is only a hint: a daemon that can tell what it makes of it is asked.
    """

    def other(named: str | None) -> bool:
        return named is not None and place(named) != place(service.pidfile)

    def place(path: str) -> str:
        # The pidfile itself may be a link: a stale one, which does not count.
        return os.path.join(host.realpath(os.path.dirname(path)), os.path.basename(path))

    if service.background or not other(read_configuration(service, host).pidfile):
        return
    named = ask_configuration(service, host).pidfile
    if other(named):
        raise OtherPidfile(
            f"the configuration names the pidfile {named}, and this script {service.pidfile}: "
            f"change one of them (PIDFILE= in the script's settings)"
        )


def _reason(service: Service, finished: Finished) -> str:
    if not finished.output:
        how = f"signal {-finished.code}" if finished.code < 0 else f"code {finished.code}"
        return f"{service.daemon} ended with {how} in its configuration test and printed nothing"
    return read_log(service, finished.output).reason
