"""The daemon's own test of its configuration."""

from __future__ import annotations

import os.path

from ..errors import ConfigTestFailed, NotInstalled, Unimplemented, WaitTimeout
from ..host import HERE, Host
from ..service import Service
from ..state.pidfile import EMPTY, read_pidfile
from .error_log import read_log
from .pidfiles import refuse_other_pidfile
from .run import CannotExecute, Finished, locate, run
from .starting.account import account_of, environment_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..host import Process, Surroundings


class TestCannotRun(ConfigTestFailed):
    """The daemon on disk is broken: its test hangs, or cannot be executed."""

    __test__ = False  # not for pytest


def configtest(
    service: Service,
    host: Host = HERE,
    *,
    binary: str = "",
    surroundings: Surroundings | None = None,
    meanwhile: Callable[[], object] = bool,
) -> None:
    """Let the daemon on disk test its configuration, under the limits of the settings.

    The test is run as the daemon's own user: what it makes is that user's.
    What it warns of is told.

    binary: run this executable instead of the one on disk; a test by another program needs none.
    surroundings: those of the master that is to read it, if not those of a start.
    meanwhile: is called while the test runs; what it raises ends the test.

    Raises ConfigTestFailed with the daemon's own output; NotInstalled; NotPermitted;
    Interrupted; Unimplemented if the daemon has no such test.
    """
    if not service.has_test:
        raise Unimplemented("this daemon has no test of its configuration")
    if service.test:
        argv = [*locate("test", service.expanded(service.test), host)]
    else:
        argv = service.command(service.test_args or ())
        if binary:
            argv[0] = binary
    account = account_of(service, host)
    try:
        finished = run(
            argv,
            host,
            within=service.timeout,
            interruptible=True,
            limits=service.limits,
            environment=environment_of(service, account),
            surroundings=surroundings,
            account=account,
            meanwhile=meanwhile,
        )
    except (WaitTimeout, CannotExecute) as exc:
        raise TestCannotRun(str(exc)) from exc
    if finished.code:
        raise ConfigTestFailed(_reason(service, argv[0], finished), finished.output)
    for warning in read_log(service, finished.output).warnings:
        host.tell(f"{argv[0]} warns: {warning}")


def surroundings_of_reader(
    service: Service, master: Process, host: Host, *, successor: bool = False
) -> Surroundings | None:
    """Return the surroundings in which *master* reads its configuration, if that may name them.

    successor: those in which a master reads it that takes the place of *master*.
    """
    if not service.expands_environment:
        return None
    found = host.surroundings(master)
    if not successor or found.environment is None:
        return found
    return found.replace(environment={**found.environment, **service.environment})


def configtest_stopped(service: Service, host: Host) -> None:
    """Do ``configtest`` for a stopped service. The caller holds the lock.

    The folder of its pidfile is made for it, since it is gone after a boot where /run is
    a tmpfs. That folder is removed again, and an empty pidfile that the test has left;
    nothing else is: log files that a daemon makes are the daemon's. Raises OtherPidfile,
    too, before the test: that would make the pidfile that the configuration names.
    """
    if host.file_id(service.daemon) is None:
        raise NotInstalled(f"{service.daemon} is not installed")
    refuse_other_pidfile(service, host)
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


def _reason(service: Service, program: str, finished: Finished) -> str:
    if not finished.output:
        how = f"signal {-finished.code}" if finished.code < 0 else f"code {finished.code}"
        return f"{program} ended with {how} in its configuration test and printed nothing"
    return read_log(service, finished.output).reason
