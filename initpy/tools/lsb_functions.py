"""The commands ``killproc`` and ``pidofproc``: functions of LSB 20.8 for shell scripts."""

from __future__ import annotations

from ..control.signals import killproc, terminate
from ..errors import ExitCode, NotPermitted, NotRunning, StatusCode
from ..schedule import parse_schedule
from ..state.pidfile import EMPTY, Pidfile, read_pidfile
from ..state.programs.pidof import is_hidden, pidofproc

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from ..console import Console
    from ..host import Host


def run_killproc(parsed: argparse.Namespace, _console: Console, host: Host) -> int:
    """End a program, or send it a signal. Raises InitError."""
    found = pidofproc(parsed.program, parsed.pidfile, host, binary=parsed.binary)
    if found.reason:
        raise NotPermitted(found.reason)
    for process in found.processes:
        if is_hidden(process, host):
            raise NotPermitted(f"what pid {process} runs cannot be seen: it is not signalled")
    if parsed.sig is not None:
        if not found.processes:
            raise NotRunning(f"{parsed.program} is not running")
        for process in found.processes:
            killproc(process, parsed.sig, host=host)
        return ExitCode.OK
    delay = 5.0 if parsed.delay is None else parsed.delay
    terminate(found.processes, parse_schedule(f"TERM/{delay:f}/KILL/5"), host, what=parsed.program)
    if found.pidfile is not None:
        _remove_pidfile(found.pidfile, host)
    return ExitCode.OK


def _remove_pidfile(pidfile: Pidfile, host: Host) -> None:
    """Remove what a program that has ended has left of its pidfile.

    Only a file that holds a pid, or an empty one of root's or ours, is a pidfile. One
    that was written anew meanwhile is somebody else's. In a directory that others can
    write nothing is removed: they could have another file stand there by then.
    """
    is_one = pidfile.pid or (pidfile.verdict == EMPTY and not pidfile.distrust)
    if not is_one or read_pidfile(pidfile.path, host) != pidfile:
        return
    if distrust := host.distrust(pidfile.path):
        host.tell(f"{pidfile.path} is left: {distrust}")
    else:
        host.remove(pidfile.path)


def run_pidofproc(parsed: argparse.Namespace, console: Console, host: Host) -> int:
    """Print the pids of a program. Raises InitError."""
    found = pidofproc(parsed.program, parsed.pidfile, host)
    if found.reason:
        host.tell(found.reason)
    if found.code == StatusCode.RUNNING:
        console.answer(" ".join(map(str, found.processes)))
    return found.code
