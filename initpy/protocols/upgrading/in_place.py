"""Reload and upgrade in one: at a signal the master executes the binary on disk over itself.

           signal            executes the binary on disk
    idle ---------> signals blocked, or not caught yet ----------> idle again: what listens?

The process stays, with its pid. Either it listens itself, and makes its sockets anew; or its
children do, and new ones take the sockets over. An old child that only finishes its
requests has no listening socket any more. If the new configuration cannot be loaded, the
old children may go on. If the binary cannot run, master and children end: so it is tested
before.
"""

# haproxy in master-worker mode (mworker_reexec); sshd (sighup_restart).

from __future__ import annotations

from ...control.error_log import LogMark, mark_logs
from ...control.pidfiles import restore_pidfile
from ...control.signals import await_idle, killproc
from ...errors import InitError, Reverted, Unimplemented, WaitTimeout, upgrade_failed
from ...host import Host, Process
from ...host.wait import wait_until
from ...service import Service
from ...signal_names import signal_named
from ...state.idle import is_idle
from ...state.programs.executed import runs_file_on_disk
from ...state.snapshot import Snapshot
from ...state.sockets import held_sockets
from ...state.workers import SETTLE
from ..reexec import start_again
from ..verify import refuse_argv0, verify_binary


def upgrade(service: Service, seen: Snapshot, host: Host) -> None:
    """Have the master execute the binary on disk; return when that serves.

    The caller holds the lock. Raises NotInstalled; ConfigTestFailed, and Reverted if only
    the new binary fails the test: no signal was sent; Reverted if the old workers serve as
    before; InitError if the service had to be started again.
    """
    master = seen.masters[-1]
    restore_pidfile(service, seen, host)
    refuse_argv0(service, master, host)
    verify_binary(service, master, host)
    try:
        reload(service, master, host)
    except Reverted as exc:
        raise upgrade_failed(Reverted, f"{exc}", exc.output) from exc
    if host.exe_file(master) and not runs_file_on_disk(service, master, host):
        raise InitError(f"master {master} serves, and does not run {service.daemon}")


def reload(service: Service, master: Process, host: Host) -> None:
    """Send the reload signal to *master*; return when what it has executed serves.

    The caller holds the lock and has tested the configuration. Raises Reverted if the old
    workers serve as before. A service that dies is started again, and InitError is raised.
    """
    if not isinstance(service.reload, str):
        raise Unimplemented("this daemon executes itself anew at no signal")
    await_idle(master, host, within=service.timeout)
    log, look = LogMark(service, master, host), _Look(service, master, host)
    logs = mark_logs(service, host)
    killproc(master, signal_named(service.reload), host=host)
    try:
        wait_until(
            look.renewed,
            within=service.upgrade_timeout,
            host=host,
            what=f"master {master} to serve again",
            interruptible=True,
        )
    except WaitTimeout as exc:
        raise InitError(f"the reload is under way: {exc}") from exc
    if not host.alive(master):
        start_again(service, logs, host)
    if not look.serves:
        said = log.read()
        why = f": {said.reason}" if said.lines else ""
        if look.old_ones_serve:
            raise Reverted(f"what served before serves on{why}", "\n".join(said.lines))
        raise InitError(f"nothing serves{why}", "\n".join(said.lines))


# Seconds after the master is idle again: by then what it has executed serves, or has given up.
LAG = 0.5


class _Look:
    """What listens, before the signal and after it."""

    def __init__(self, service: Service, master: Process, host: Host) -> None:
        """Note what is there before the signal."""
        self._master, self._host = master, host
        self._taken = 1 << signal_named(str(service.reload)) - 1
        self._before = host.children(master)
        self._held = {one.inode for one in held_sockets(master, host)}
        self._by_workers = any(held_sockets(one, host) for one in self._before)
        self._idle_since: float | None = None
        self.serves = False  # whether new processes, or new sockets, serve

    def renewed(self) -> bool:
        """Look once; tell whether it is decided. See ``serves``."""
        master, host = self._master, self._host
        masks = host.signals(master)
        if masks is None or not host.alive(master):
            return True
        if not (masks.caught & self._taken and is_idle(master, host)):
            self._idle_since = None
            return False
        now = host.monotonic()
        if self._idle_since is None:
            self._idle_since = now
        self.serves = self._new_ones_serve(now - self._idle_since)
        return self.serves or (now - self._idle_since >= LAG and not self._both_serve)

    @property
    def _both_serve(self) -> bool:
        """Whether new children listen, and an old one has not closed its sockets yet."""
        listening = [it for it in self._host.children(self._master) if held_sockets(it, self._host)]
        return self._by_workers and 0 < len({*listening} - {*self._before}) < len(listening)

    @property
    def old_ones_serve(self) -> bool:
        """Whether what listened before the signal still does."""
        if self._by_workers:
            return any(held_sockets(one, self._host) for one in self._before)
        held = {one.inode for one in held_sockets(self._master, self._host)}
        return bool(held) and held == self._held

    def _new_ones_serve(self, idle: float) -> bool:
        """Tell whether all that listens is new, and has lasted.

        idle: seconds since the master was seen to be idle again.
        """
        host = self._host
        if not self._by_workers:
            held = {one.inode for one in held_sockets(self._master, host)}
            return bool(held - self._held) if self._held else idle >= SETTLE
        listening = [one for one in host.children(self._master) if held_sockets(one, host)]
        old = [one for one in listening if one in self._before]
        return bool(listening) and not old and max(map(host.age, listening)) >= SETTLE
