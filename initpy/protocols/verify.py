"""Verify a new binary and a new master, before the old master is retired."""

from __future__ import annotations

import os.path

from ..control.configtest import TestCannotRun, configtest, surroundings_of_reader
from ..control.pidfiles import refuse_other_pidfile
from ..control.ready import workers_awaited
from ..control.run import locate, run_named
from ..errors import ConfigTestFailed, InitError, NotInstalled, Reverted, upgrade_failed
from ..host import Host, Process, pids_of
from ..host.wait import wait_until
from ..service import Service
from ..state.programs.executed import runs_file_on_disk
from ..state.titles import argv0_of
from ..state.workers import SETTLE, Readiness, needed_pools, ready_workers, stopped_accepting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..contracts import Pool


CHECK = "UPGRADE_CHECK"  # as the settings name it


def verify_binary(
    service: Service, old: Process, host: Host, *, meanwhile: Callable[[], object] = bool
) -> None:
    """Let the binary on disk test the configuration; *old* may run another binary.

    meanwhile: is called once, while the test runs.

    Raises NotInstalled; OtherPidfile; ConfigTestFailed if the configuration is wrong;
    Reverted if only the new binary fails; SettingsError if a command of the settings cannot
    be run. No signal was sent.
    """
    if service.upgrade_check:
        locate(CHECK, service.upgrade_check, host)
    if isinstance(service.ready, tuple) and service.ready:
        locate("ready", service.ready, host)
    if host.file_id(service.daemon) is None:
        raise NotInstalled(f"{service.daemon} is not installed: nothing to upgrade to")
    refuse_other_pidfile(service, host)
    try:
        reader = surroundings_of_reader(service, old, host, successor=True)
        if service.has_test:
            configtest(service, host, surroundings=reader, meanwhile=meanwhile)
        else:
            meanwhile()
    except ConfigTestFailed as exc:
        _blame(service, old, exc, host)


def _blame(service: Service, old: Process, failure: ConfigTestFailed, host: Host) -> None:
    """Raise Reverted if the binary that *old* runs passes the test, else ConfigTestFailed."""
    if isinstance(failure, TestCannotRun) or not runs_file_on_disk(service, old, host):
        try:
            reader = surroundings_of_reader(service, old, host)
            configtest(service, host, binary=f"/proc/{old}/exe", surroundings=reader)
        except ConfigTestFailed:
            pass  # the running binary rejects the configuration, too
        else:
            raise upgrade_failed(
                Reverted,
                f"The new {service.daemon} fails the test that the running one passes, "
                f"no signal was sent: {failure}",
                failure.output,
            ) from failure
    raise ConfigTestFailed(
        f"not upgrading due to configuration syntax error: {failure}", failure.output
    ) from failure


def verify_master(
    service: Service,
    new: Process,
    host: Host,
    *,
    pools: Iterable[Pool] = (),
    any_binary: bool = False,
) -> None:
    """Return when *new* runs the binary on disk and its workers have run for a moment.

    The kernel tells for how long they have run. Where no worker is needed, *new* has to live on
    for that moment.

    pools: those of its configuration; () for a daemon without pools. Then no worker that
           was seen may end: such a daemon keeps its workers.
    any_binary: do not require the binary on disk.

    Raises InitError; WaitTimeout; Interrupted.
    """
    # Where its binary may not be seen, that it is the child of the old master tells.
    if not any_binary and host.exe_file(new) and not runs_file_on_disk(service, new, host):
        raise InitError(f"new master {new} does not run {service.daemon}")
    needed = needed_pools(service, pools)
    readiness = Readiness(service, needed, host)
    first: set[Process] = set()
    due: float | None = None  # when these have run for a moment, or *new* has if there are none

    def steady() -> bool:
        nonlocal due
        require_alive(new, host)
        if not readiness.look(new):
            return False
        workers = ready_workers(service, new, host)
        # The list of children may miss one that lives: proc(5).
        lost = [one for one in first - workers if stopped_accepting(service, [one], host)]
        if lost and not pools:
            raise InitError(f"new master {new} lost its workers {pids_of(lost)}")
        if needed and not workers:
            return False  # they have ended since they were found ready
        if due is None:
            first.update(workers)
            due = host.monotonic() + SETTLE - min(map(host.age, workers), default=0.0)
        return host.monotonic() >= due

    wait_until(
        steady,
        within=service.upgrade_timeout,
        host=host,
        what=lambda: workers_awaited(readiness, new),
        due=lambda: due or readiness.due,
        interruptible=True,
    )


def require_alive(new: Process, host: Host) -> None:
    """Raise InitError if the new master has died."""
    if not host.alive(new):
        raise InitError(f"new master {new} died")


def run_check(service: Service, host: Host) -> None:
    """Run the ``upgrade_check`` command. Raises InitError if it fails or hangs."""
    check = " ".join(service.upgrade_check)
    finished = run_named(
        CHECK, service.upgrade_check, host, within=service.timeout, interruptible=True
    )
    if finished.code:
        raise InitError(f"{CHECK} {check!r} ended with {finished.code}", finished.output)


def refuse_argv0(service: Service, old: Process, host: Host) -> None:
    """Raise Reverted if the old master would execute another file than the daemon on disk."""
    if host.file_id(service.daemon) is None:
        return  # verify_binary raises NotInstalled
    argv0 = argv0_of(service, host.title(old.pid))
    if service.master_title is None:
        facts = host.look(old.pid)
        argv0 = facts.argv[0] if facts and facts.argv else ""
        if os.path.basename(argv0) != os.path.basename(service.daemon):
            return  # a title that the declaration does not know, or the interpreter of a script
    # nginx executes argv[0] as a path, without a search along PATH (ngx_exec_new_binary).
    if not argv0.startswith("/") or host.file_id(argv0) != host.file_id(service.daemon):
        raise upgrade_failed(
            Reverted,
            f"Master {old} was started as {argv0!r} and would execute that, "
            f"not {service.daemon}: restart it once",
        )
