"""Find the processes of a program by its name or path (LSB 20.8).

A process runs what the kernel executed: a binary, or a script by its interpreter. Its
other arguments prove nothing. For example, an editor has the name of a script there.
"""

from __future__ import annotations

import os.path

from ..errors import NotPermitted, StatusCode
from ..host import HERE, Host, Process, ProcessFacts
from ..value import Value
from .identity import reads_file, why_elsewhere
from .pidfile import MISSING, UNUSABLE, Pidfile, read_pidfile

_COMM = 15  # bytes of a name that the kernel keeps: TASK_COMM_LEN
_SHEBANG = 256  # bytes of a script that it reads: BINPRM_BUF_SIZE


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
    if named and hint.trusted and not doubt and _executed(named, wanted, host):
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
    if not _executed(facts, program, host):
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
    executed = {
        facts.process.pid: path
        for facts in looks
        if not why_elsewhere(facts, host) and (path := _executed(facts, program, host))
    }

    def is_found(facts: ProcessFacts) -> bool:
        path, parents = executed.get(facts.process.pid), executed.get(facts.ppid)
        if path is None or facts.process.pid in ancestors:
            return False
        # A script of that name that calls us may have subshells, which are not found. It
        # may also have started another program of the same name, which is found.
        return parents is None or (facts.ppid in ancestors and path != parents)

    return tuple(facts.process for facts in looks if is_found(facts))


def _executed(facts: ProcessFacts, program: str, host: Host) -> str:
    """Return what a process executed, if that is *program*, a path or a bare name; else "".

    If we may not see its executable, the kernel's name for the process is compared.
    """
    name = os.path.basename(program)
    if facts.exe is None:
        return facts.comm if facts.argv and facts.comm == name[:_COMM] else ""
    by_path = "/" in program
    if _runs(facts, program, host) if by_path else os.path.basename(facts.exe) == name:
        return facts.exe
    return _executed_script(facts, program, host)


def _runs(facts: ProcessFacts, binary: str, host: Host) -> bool:
    """Tell whether the executable of a process is that file, or was at the time of exec."""
    if facts.exe in (binary, host.realpath(binary)):
        return True
    running = host.exe_file(facts.process)
    return running is not None and running == host.file_id(binary)


def _executed_script(facts: ProcessFacts, program: str, host: Host) -> str:
    """Return the script that a process executed, if that is *program*; else "".

    By execve(2) its arguments begin with the interpreter, the options of the script's
    first line, and the script. The options are missing if the interpreter was called by
    its own name.
    """
    path = host.realpath(program) if "/" in program else _named(facts, program, host)
    interpreter, options = _first_line(path, host) if path else ("", ())
    if not interpreter:
        # The script may have been removed. The kernel still knows the name it executed.
        kept = facts.comm == os.path.basename(path)[:_COMM] and host.file_id(path) is None
        return path if kept and {path, program} & set(facts.argv[1:3]) else ""
    if not _interprets(facts, interpreter, host):
        return ""
    for before in ((), options):
        rest = facts.argv[1 + len(before) :]
        called_so = rest and facts.argv[1 : 1 + len(before)] == before
        if called_so:
            script = _absolute(facts, rest[0], host)
            if reads_file(facts.process, script, path, host):
                return path
    return ""


def _named(facts: ProcessFacts, name: str, host: Host) -> str:
    """Return the path of the first argument with that base name, or ""."""
    words = (word for word in facts.argv[1:] if os.path.basename(word) == name)
    return next((_absolute(facts, word, host) for word in words), "")


def _absolute(facts: ProcessFacts, path: str, host: Host) -> str:
    """Return the path that an argument of a process means in its working directory."""
    return os.path.join(host.working_directory(facts.process.pid) or "/", path)


def _first_line(script: str, host: Host) -> tuple[str, tuple[str, ...]]:
    """Return the interpreter that a script names and its options; "" if it is not a script.

    With ``#!/usr/bin/env NAME`` the interpreter is the bare NAME.
    """
    if host.size(script) is None:
        return "", ()  # not a regular file: opening a device may have an effect
    try:
        facts = host.examine(host.realpath(script), _SHEBANG)
    except NotPermitted:
        return "", ()
    line = facts.text.partition("\n")[0] if facts else ""
    words = line[2:].strip().split(None, 1)  # what follows the interpreter is one option
    if not line.startswith("#!") or not words:
        return "", ()
    if os.path.basename(words[0]) == "env":
        words = words[-1].removeprefix("-S").split()
        while words and (words[0].startswith("-") or "=" in words[0]):
            del words[0]
    return (words[0], tuple(words[1:])) if words else ("", ())


def _interprets(facts: ProcessFacts, interpreter: str, host: Host) -> bool:
    """Tell whether a process runs that interpreter, and argv[0] says so.

    One binary may be several programs: busybox is a shell and an editor.
    """
    names = (os.path.basename(interpreter), os.path.basename(facts.exe or ""))
    if not facts.argv or os.path.basename(facts.argv[0]) not in names:
        return False
    if "/" in interpreter:
        return _runs(facts, interpreter, host)
    # env searched the PATH that the process still has: see execvp(3).
    variables = host.read_from(f"/proc/{facts.process.pid}/environ", 0).split("\0")
    path = next((v[5:] for v in variables if v.startswith("PATH=")), "/bin:/usr/bin")
    return any(_runs(facts, f"{folder}/{interpreter}", host) for folder in path.split(":"))
