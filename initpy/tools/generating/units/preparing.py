"""What a unit runs before and after its daemon, and under which conditions it starts it."""

from __future__ import annotations

import re

from .commands import Command, commands, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .commands import Variables
    from .unit import Unit

# What tells a program to test a configuration and to do nothing else: its option, or its name.
_TESTS = re.compile(r"-{0,2}(config-?test|test-?config|check-?config|check-?conf|conf-?check)")
_SHORT_TESTS = re.compile(r"-tt?|-T|-Cx\w*")  # of the daemon itself
_BY_NAME = re.compile(r"check-?conf(ig)?|conf(ig)?-?check|config-?test")
_AS_USER = ("/sbin/runuser", "-u")
# The conditions that test(1) can look at, and its option.
_CONDITIONS = {
    "PathExists": "-e",
    "PathIsDirectory": "-d",
    "PathIsSymbolicLink": "-L",
    "FileNotEmpty": "-s",
    "FileIsExecutable": "-x",
}


def preparing(unit: Unit, variables: Variables, daemon: str, user: str) -> dict[str, object]:
    """Return the fields ``test``, ``start_pre``, ``start_post`` and ``stop_post``.

    daemon: the program of ExecStart=.
    user:   what User= and Group= stand for.
    """
    before = _conditions(unit)
    fields: dict[str, object] = {}
    for command in commands(unit, "ExecCondition"):
        before.append(_run(command, variables, user))
    for command in commands(unit, "ExecStartPre"):
        by_root = bool(user) and command.as_root  # a test is run as the user
        can = not command.may_fail and not by_root and "test" not in fields
        if can and _is_test(command, daemon):
            fields["test"] = variables.filled(command)
        else:
            before.append(_run(command, variables, user))
    fields["start_pre"] = tuple(before)
    for key, field in (("ExecStartPost", "start_post"), ("ExecStopPost", "stop_post")):
        fields[field] = tuple(
            _run(command, variables, user, pid=field == "start_post")
            for command in commands(unit, key)
        )
    return {field: value for field, value in fields.items() if value}


def _is_test(command: Command, daemon: str) -> bool:
    name = command.program.rpartition("/")[2]
    if _BY_NAME.search(name) or any(map(_TESTS.fullmatch, command.args)):
        return True
    return command.program == daemon and any(map(_SHORT_TESTS.fullmatch, command.args))


def _run(
    command: Command, variables: Variables, user: str, *, pid: bool = False
) -> tuple[str, ...]:
    """Return the command line, as the user whose it is; "-" before it: it may fail."""
    argv = variables.filled(command, pid=pid)
    if user and not command.as_root:
        name, _, group = user.partition(":")
        argv = (*_AS_USER, name, *(("-g", group) if group else ()), "--", *argv)
    return (f"-{argv[0]}", *argv[1:]) if command.may_fail else argv


def _conditions(unit: Unit) -> list[tuple[str, ...]]:
    """Return the commands that look whether the conditions of a start are met."""
    found = []
    for kind in ("Condition", "Assert"):
        for name, option in _CONDITIONS.items():
            values = unit.listed(f"{kind}{name}", "Unit")
            if any(value.startswith("|") for value in values):
                raise unit.refusal(f"{kind}{name}=: one of several conditions is to be met")
            for value in map(unit.expand, values):
                path = plain(value.lstrip("!").strip())
                found.append(("/usr/bin/test", *(["!"] if value[:1] == "!" else []), option, path))
    return found
