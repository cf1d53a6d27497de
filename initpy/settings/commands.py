"""Simple commands: assignments, and commands with arguments: POSIX.1-2017, XCU 2.9.1."""

from __future__ import annotations

from .fields import expanded
from .grammar import SPECIAL
from .parts import names_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .fields import Field
    from .grammar import Simple
    from .parts import Token
    from .shell import Shell

_STATUS = {"true": True, "false": False}
# They set the variables that their arguments name; some shells do not have all of them.
_SETTERS = frozenset({"read", "getopts", "declare", "typeset", "let"})
_RUNNERS = frozenset({"command", "builtin", "source"})  # the last two are of some shells


def run_command(shell: Shell, command: Simple, assigned: int, doubt: str) -> bool | None:
    """Run a command with a name, after so many assignments. Raises Ended.

    Return whether it succeeds; None if that cannot be told.
    """
    assignments, words = command.words[:assigned], command.words[assigned:]
    variables = shell.variables
    first = words[0].text
    fields = [
        expanded(
            word, variables, shell.where(word.line), doubt, declares=first in ("export", "readonly")
        )
        for word in words
    ]
    name = fields.pop(0)
    for file in command.others:
        shell.expand(file, doubt)
    if command.uncertain and name.text in SPECIAL:
        shell.may_end(command.line, f"it depends on the redirection {command.uncertain}")
        doubt = doubt or shell.doubt
    if name.text in SPECIAL and not name.unknown:
        from .builtins import BUILTINS

        for word in assignments:
            shell.assign(word, doubt)
        BUILTINS[name.text](shell, command.line, fields, doubt)
        return None if name.text in (".", "eval") else True
    return _run_other(shell, command, name, assignments, fields, doubt)


def _run_other(
    shell: Shell,
    command: Simple,
    name: Field,
    assignments: Sequence[Token],
    fields: Sequence[Field],
    doubt: str,
) -> bool | None:
    """Note what a command may set that is not followed."""
    for word in assignments:
        shell.expand(word, doubt)
    if name.text in _STATUS and not command.uncertain and not shell.is_function(name.text):
        return _STATUS[name.text]
    line = command.line
    text = " ".join(word.text for word in command.words)
    why = doubt or f"only a shell knows what {name.text} does in line {line}"
    for word in assignments:  # they are for this command alone, or quotes were forgotten
        shell.cannot_tell(word.key, word.line, f"a value with blanks needs quotes: {text}")
    shell.ignore(line, text)
    if name.unknown:
        shell.cannot_tell_any(line, f"the command is not known: {name.unknown}")
    elif shell.is_function(name.text):
        shell.call(name.text, why)
    elif name.text in _SETTERS and fields:
        _set_by_name(shell, fields, why)
    elif name.text == "alias" and fields:
        shell.cannot_tell_any(line, "it depends on an alias")
        shell.may_end(line, "it depends on an alias")
    elif name.text in _RUNNERS and fields:
        first = [name.replace(text=".")] if name.text == "source" else []
        _run_by_command(shell, [*first, *fields], line, why)
    elif "+=" in name.text:  # of some shells
        shell.cannot_tell(name.text.partition("+=")[0], line, why)
    return None


def _set_by_name(shell: Shell, fields: Sequence[Field], why: str) -> None:
    """Note that a command may set what its arguments name."""
    shell.cannot_tell("OPTARG", fields[0].line, why)  # of getopts
    for field in fields:
        if field.unknown and not field.text:
            shell.cannot_tell_any(field.line, field.unknown)
        for key in names_in(field.text):
            shell.cannot_tell(key, field.line, why)


def _run_by_command(shell: Shell, fields: Sequence[Field], line: int, doubt: str) -> None:
    """Run ``command NAME ...``: whether a shell ends at an error is not followed."""
    name = fields[0]
    if name.unknown:
        shell.cannot_tell_any(line, name.unknown)
    elif name.text in SPECIAL:
        from .builtins import BUILTINS

        BUILTINS[name.text](shell, line, fields[1:], doubt)
    elif name.text in _SETTERS and len(fields) > 1:
        _set_by_name(shell, fields[1:], doubt)
    elif name.text in ("command", "builtin", "-p") and len(fields) > 1:
        _run_by_command(shell, fields[1:], line, doubt)
