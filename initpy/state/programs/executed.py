"""What a process runs: what the kernel executed, a binary, or a script by its interpreter.

Its other arguments prove nothing. For example, an editor has the name of a script there.
"""

from __future__ import annotations

import os.path

from ...errors import NotPermitted
from ...host import Host, Process, ProcessFacts
from ...service import Service
from ..identity import reads_file

_COMM = 15  # bytes of a name that the kernel keeps: TASK_COMM_LEN
_SHEBANG = 256  # bytes of a script that it reads: BINPRM_BUF_SIZE


def executed(facts: ProcessFacts, program: str, host: Host) -> str:
    """Return what a process executed, if that is *program*, a path or a bare name; else "".

    If we may not see its executable, the kernel's name for the process is compared.
    """
    name = os.path.basename(program)
    if facts.exe is None:
        return facts.comm if facts.argv and facts.comm == name[:_COMM] else ""
    if "/" in program:
        runs = _runs(facts, program, host)
    else:
        runs = os.path.basename(facts.exe) == name or _runs_link(facts, name, host)
    if runs:
        return facts.exe
    return _executed_script(facts, program, host)


def runs_file_on_disk(service: Service, process: Process, host: Host) -> bool:
    """Tell whether a process runs the daemon that is on disk now, or its interpreter."""
    running = host.exe_file(process)
    interpreter, _ = _first_line(service.daemon, host)
    paths = [interpreter] if "/" in interpreter else []
    if interpreter and not paths:  # env searches the PATH that our children have
        from ...host.programs.spawn import CLEAN_ENVIRONMENT

        paths = [f"{folder}/{interpreter}" for folder in CLEAN_ENVIRONMENT["PATH"].split(":")]
    return running is not None and running in map(host.file_id, (service.daemon, *paths))


def _runs(facts: ProcessFacts, binary: str, host: Host) -> bool:
    """Tell whether the executable of a process is that file, or was at the time of exec."""
    if facts.exe in (binary, host.realpath(binary)):
        return True
    running = host.exe_file(facts.process)
    return running is not None and running == host.file_id(binary)


def _runs_link(facts: ProcessFacts, name: str, host: Host) -> bool:
    """Tell whether a program of that name leads to the executable of a process.

    It is looked for along the PATH that our children have, as python3 is for python3.11.
    One binary may be several programs, such as busybox, so the process must have been
    called by this name, or by that of the binary.
    """
    from ...host.programs.spawn import CLEAN_ENVIRONMENT

    names = {name, os.path.basename(facts.exe or "")}
    names |= {one[:_COMM] for one in names}
    if names.isdisjoint({facts.comm, *map(os.path.basename, facts.argv[:1])}):
        return False
    folders = CLEAN_ENVIRONMENT["PATH"].split(":")
    return any(_runs(facts, f"{folder}/{name}", host) for folder in folders)


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
