"""Find the processes of a program by its name or path (LSB 20.8)."""

from __future__ import annotations

import os.path

from ..errors import StatusCode
from ..host import HERE, Host, Process, ProcessFacts
from ..value import Value
from .pidfile import MISSING, Pidfile, read_pidfile


class Found(Value):
    """What ``pidofproc`` found."""

    processes: tuple[Process, ...]
    code: int  # of StatusCode
    pidfile: Pidfile | None = None


def pidofproc(
    program: str, pidfile: str | None = None, host: Host = HERE, *, binary: str | None = None
) -> Found:
    """Find the live processes of *program*, a path or a bare name (LSB 20.8).

    pidfile: only the process that it names is considered, and only if that runs
             *program*. Without it /run/NAME.pid is tried, then all processes.
    binary:  the executable, if it is not *program* itself.

    Not found are processes of other users than root and us, processes in containers, and
    children of a process that is found.
    """
    path = pidfile or f"/run/{os.path.basename(program)}.pid"
    hint = read_pidfile(path, host)
    facts = host.look(hint.pid) if hint.pid else None
    if facts is not None and _matches(facts, binary or program, host):
        return Found(processes=(facts.process,), code=StatusCode.RUNNING, pidfile=hint)
    if pidfile is None:
        looks = (host.look(pid) for pid in host.pids())
        matches = {f.process.pid: f for f in looks if f and _matches(f, binary or program, host)}
        found = tuple(f.process for f in matches.values() if f.ppid not in matches)
        if found:
            return Found(processes=found, code=StatusCode.RUNNING, pidfile=hint)
    if hint.verdict == MISSING:
        return Found(processes=(), code=StatusCode.STOPPED)
    code = StatusCode.DEAD_PIDFILE if hint.regular else StatusCode.UNKNOWN
    return Found(processes=(), code=code, pidfile=hint)


def _matches(facts: ProcessFacts, program: str, host: Host) -> bool:
    if not facts.argv or facts.nested or facts.uid not in (0, host.geteuid()):
        return False
    # A kernel thread has no arguments. For a script, exe is the interpreter and the first
    # argument is the script.
    script = facts.argv[1] if len(facts.argv) > 1 and facts.argv[1].startswith("/") else ""
    if "/" in program:
        return host.realpath(program) in (facts.exe, script and host.realpath(script))
    names = {os.path.basename(path) for path in (facts.exe or facts.argv[0], script) if path}
    return program in names
