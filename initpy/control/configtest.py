"""Run the daemon's own test of its configuration, and remove the files that it creates."""

from __future__ import annotations

import os.path

from ..errors import ConfigTestFailed, NotInstalled, Unimplemented, WaitTimeout
from ..host import HERE, Host
from ..service import Service, resolve
from ..state.configuration import read_configuration
from .error_log import read_log
from .run import CannotExecute, Finished, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import Detect


class TestCannotRun(ConfigTestFailed):
    """The daemon on disk is broken: its test hangs, or cannot be executed."""

    __test__ = False  # not for pytest


def configtest(service: Service, host: Host = HERE, *, binary: str = "") -> None:
    """Let the daemon on disk test its configuration.

    binary: run this executable instead of the one on disk.

    Raises ConfigTestFailed with the daemon's own output; NotInstalled; NotPermitted;
    Interrupted; Unimplemented if the daemon has no such test.
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
    """Do ``configtest`` for a stopped service, and remove the files that the test creates.

    Files that existed before stay, and so do directories that are not empty. The caller
    holds the lock.
    """
    # nginx -t creates an empty pidfile, log files and directories; php-fpm -t creates a
    # log file with a line in it.
    if host.file_id(service.daemon) is None:
        raise NotInstalled(f"{service.daemon} is not installed")
    compiled = _compiled_paths(service, host)
    writes = read_configuration(service, host).writes
    runtime = os.path.dirname(service.pidfile)  # missing after a boot: /run is a tmpfs
    wanted = (runtime, service.pidfile, *writes, *compiled)
    missing = [path for path in wanted if path.startswith("/") and not host.exists(path)]
    host.make_directory(runtime)
    try:
        configtest(service, host)
    finally:
        for path in reversed(missing):
            # A pidfile that holds a pid is not the test's: the daemon was started by hand.
            if path != service.pidfile or host.size(path) == 0:
                host.remove_trace(path)


def _compiled_paths(service: Service, host: Host) -> tuple[str, ...]:
    """Return the compiled-in paths that the test may create."""
    if service.detect is None or not service.test_creates_compiled:
        return ()
    detect: Detect = resolve(service.detect)
    try:
        finished = run([service.daemon, *service.detect_args], host, within=service.timeout)
        return detect(service, finished.output).writes
    except (WaitTimeout, CannotExecute) as exc:
        raise TestCannotRun(str(exc)) from exc


def _reason(service: Service, finished: Finished) -> str:
    if not finished.output:
        how = f"signal {-finished.code}" if finished.code < 0 else f"code {finished.code}"
        return f"{service.daemon} ended with {how} in its configuration test and printed nothing"
    return read_log(service, finished.output).reason
