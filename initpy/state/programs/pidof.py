"""Find the processes of a program by its name or path (LSB 20.8)."""

from __future__ import annotations

import os.path

from ...errors import StatusCode
from ...host import HERE, Host, Process, ProcessFacts
from ...value import Value
from ..identity import why_elsewhere
from ..pidfile import MISSING, UNUSABLE, Pidfile, read_pidfile
from .executed import executed


class Found(Value):
    """What ``pidofproc`` found."""

    processes: tuple[Process, ...]
    code: int  # of StatusCode
    pidfile: Pidfile | None = None
    reason: str = ""  # why it cannot be told (then the code is UNKNOWN), for the operator


def pidofproc(
    program: str, pidfile: str | None = None, host: Host = HERE, *, binary: str | None = None
) -> Found:
    """Find the live processes of *program*, a path or a bare name (LSB 20.8).

    pidfile: only the process that it names is considered, and only if that runs
             *program*. Without it /run/NAME.pid is tried, then all processes.
    binary:  the executable, if it is not *program* itself.

    A process is found if it executed *program*, belongs to root or us, and has our root
    directory and our pid and network namespaces. Not found are children of a process
    that is found. Nor are this process and its ancestors: a script must not end itself
    when it bears the name of *program*.

    A *pidfile* that others can write proves nothing: neither that *program* is stopped,
    nor which of several instances is meant. Therefore all processes are searched, and
    the named process is believed only if it is the only one that the search finds. If
    the search finds another result, the code is UNKNOWN. If it finds none, *program* is
    not running.

    A pidfile is not stale if it names a process that runs *program* but is not ours (in
    a chroot, another user's, an ancestor), or a process whose executable we may not
    see. Then, too, the code is UNKNOWN. *reason* of the result says why.
    """
    path = pidfile or f"/run/{os.path.basename(program)}.pid"
    hint = read_pidfile(path, host)
    wanted = binary or program
    ancestors = _ancestors(host)
    named = host.look(hint.pid) if hint.pid else None
    doubt = _why_unknown(named, wanted, ancestors, host) if named else ""
    if named and hint.trusted and not doubt and executed(named, wanted, host):
        return Found(processes=(named.process,), code=StatusCode.RUNNING, pidfile=hint)
    searched = hint.distrust or (pidfile is None and not doubt)
    processes = _search(wanted, ancestors, host) if searched else ()
    if processes and (pidfile is None or (named and processes == (named.process,))):
        return Found(processes=processes, code=StatusCode.RUNNING, pidfile=hint)
    if processes:
        pids = ", ".join(map(str, processes))
        doubt = f"{path} is not believed: {hint.distrust}; {wanted} runs as pid {pids}"
    elif doubt:
        doubt = f"{path} names pid {hint.pid}: {doubt}"
    elif (hint.pid or pidfile is None) and not host.sees_all():
        doubt = f"/proc hides processes, and {wanted} may be one of them"
    elif pidfile and hint.verdict == UNUSABLE and not hint.regular:
        doubt = f"{path} cannot be used: {hint.reason}"
    elif hint.verdict == MISSING:
        return Found(processes=(), code=StatusCode.STOPPED)
    code = StatusCode.DEAD_PIDFILE if hint.regular and not doubt else StatusCode.UNKNOWN
    return Found(processes=(), code=code, pidfile=hint, reason=doubt)


def is_hidden(process: Process, host: Host) -> bool:
    """Tell whether we may not see what a process executed.

    A process that is ending and a kernel thread have no executable, but no command line
    either.
    """
    return host.exe(process.pid) is None and bool(host.title(process.pid))


def _why_unknown(facts: ProcessFacts, program: str, ancestors: set[int], host: Host) -> str:
    """Return why a process that runs *program*, or may run it, is not ours; "" otherwise."""
    if not executed(facts, program, host):
        return "what it runs cannot be seen" if is_hidden(facts.process, host) else ""
    reason = why_elsewhere(facts, host)
    if not reason and facts.process.pid in ancestors:
        reason = "it is an ancestor of this command"
    return reason and f"it runs {program}, but {reason}"


def _ancestors(host: Host) -> set[int]:
    """Return the numbers of this process and of its ancestors."""
    pids: set[int] = set()
    pid = host.getpid()
    while pid and pid not in pids:
        pids.add(pid)
        facts = host.look(pid)
        pid = facts.ppid if facts else 0
    return pids


def _search(program: str, ancestors: set[int], host: Host) -> tuple[Process, ...]:
    """Return every process of *program* that is ours and is not a child of another one."""
    looks = [facts for pid in host.pids() if (facts := host.look(pid))]
    found = {
        facts.process.pid: path
        for facts in looks
        if not why_elsewhere(facts, host) and (path := executed(facts, program, host))
    }

    def is_found(facts: ProcessFacts) -> bool:
        path, parents = found.get(facts.process.pid), found.get(facts.ppid)
        if path is None or facts.process.pid in ancestors:
            return False
        # A script of that name that calls us may have subshells, which are not found. It
        # may also have started another program of the same name, which is found.
        return parents is None or (facts.ppid in ancestors and path != parents)

    return tuple(facts.process for facts in looks if is_found(facts))
