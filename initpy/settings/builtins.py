"""The commands of a shell that set its variables, or end it: POSIX.1-2017, XCU 2.14.

Each is given the line, its arguments, and why it may not be run at all ("" if it is).
"""

from __future__ import annotations

from .parts import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .fields import Field
    from .shell import Shell

# The options of set(1) in sh, and the letters of those that matter here.
_OPTIONS = {"a": "allexport", "e": "errexit", "u": "nounset", "n": "noexec"}
_LETTERS = "aefIimnsuvxVECb"
_NAMES = frozenset(
    {"allexport", "debug", "emacs", "errexit", "ignoreeof", "interactive", "monitor", "noclobber"}
    | {"noexec", "noglob", "nolog", "notify", "nounset", "privileged", "stdin", "verbose", "vi"}
    | {"xtrace"}
)


def _do_nothing(_shell: Shell, _line: int, _fields: Sequence[Field], _doubt: str) -> None:
    """Run ``:``. Its arguments have been expanded, which may set variables: ``${A:=x}``."""


def _operands(
    shell: Shell, line: int, fields: Sequence[Field], doubt: str, letters: str
) -> tuple[str, Sequence[Field]]:
    """Return the letters of the options, and the operands."""
    found = ""
    for at, field in enumerate(fields):
        if field.text == "--":
            return found, fields[at + 1 :]
        if field.unknown or not field.text.startswith("-") or field.text == "-":
            return found, fields[at:]
        if field.text.strip("-" + letters):
            shell.exit(line, doubt)
        found += field.text[1:]
    return found, ()


def _declare(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> list[tuple[str, int]]:
    """Assign what export or readonly assign, and return the names, with their lines."""
    letters, operands = _operands(shell, line, fields, doubt, "p")
    names = []
    for field in operands if not letters else ():
        key, sign, value = field.text.partition("=")
        if field.unknown and not sign:
            shell.cannot_tell_any(field.line, field.unknown)
            continue
        if not is_name(key):
            shell.exit(line, doubt)
        elif sign and doubt:
            shell.cannot_tell(key, field.line, doubt)
        elif sign:
            shell.variables.set(key, value, shell.where(field.line), field.unknown)
        names.append((key, field.line))
    return names


def _export(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    for key, at in _declare(shell, line, fields, doubt):
        shell.variables.export(key, shell.where(at), doubt)


def _readonly(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    if any(field.unknown and "=" not in field.text for field in fields):
        shell.may_end(line, "any key may be read only")
    for key, at in _declare(shell, line, fields, doubt):
        shell.variables.protect(key, shell.where(at), doubt)


def _unset(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    letters, operands = _operands(shell, line, fields, doubt, "fv")
    for field in operands:
        if field.unknown:
            shell.cannot_tell_any(field.line, field.unknown)
        elif letters.endswith("f"):
            shell.forget_function(field.text, doubt)
        elif is_name(field.text):
            shell.variables.unset(field.text, shell.where(field.line), doubt)
        else:
            shell.exit(line, doubt)


def _set(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    """Run ``set``: it sets options until its first other argument."""
    left = iter(fields)
    for field in left:
        if field.unknown:
            for name in shell.variables.options:
                shell.variables.options[name] = None
            shell.may_end(line, field.unknown)
            return
        on = field.text.startswith("-")
        if field.text in ("-", "--") or field.text[:1] not in ("-", "+"):
            return
        for letter in field.text[1:]:
            named = next(left, None) if letter == "o" else None
            name = named.text if named else _OPTIONS.get(letter, "")
            known = name in _NAMES if named else letter in _LETTERS + "o"
            if not known or (name == "noexec" and on):
                shell.exit(line, doubt)
            shell.variables.set_option(name, on, doubt)


def _source(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    if fields and fields[0].text == "--":
        fields = fields[1:]
    if fields and fields[0].unknown:
        shell.cannot_tell_any(line, f"the file that is read is not known: {fields[0].unknown}")
    elif fields:
        shell.source(line, fields[0].text, doubt)
    else:
        shell.exit(line, doubt)


def _eval(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    for field in fields:
        if field.unknown:
            shell.cannot_tell_any(line, field.unknown)
            return
    shell.evaluate(" ".join(field.text for field in fields), line, doubt)


def _trap(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    """Run ``trap``: what it is given may be run at any later time."""
    _eval(shell, line, fields[:1], doubt or "it depends on a signal")


def _exec(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    """Run ``exec``: with a command, the shell ends; redirections alone do not end it."""
    if fields:
        shell.exit(line, doubt)


def _shift(shell: Shell, line: int, _fields: Sequence[Field], doubt: str) -> None:
    shell.exit(line, doubt or "it depends on the arguments of the script")


def _local(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    """Run ``local``, which fails outside of a function. A function is always in doubt."""
    if not shell.in_function:
        shell.exit(line, doubt)
    for field in fields:
        key = field.text.partition("=")[0]
        if is_name(key):
            shell.cannot_tell(key, field.line, doubt)
        else:
            shell.cannot_tell_any(field.line, doubt)


def _return(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    if fields and not fields[0].unknown and not fields[0].text.isdigit():
        shell.exit(line, doubt)
    shell.stop(line, doubt)


def _break(shell: Shell, line: int, fields: Sequence[Field], doubt: str) -> None:
    if fields:
        shell.exit(line, doubt or "it depends on its argument")


def _exit(shell: Shell, line: int, _fields: Sequence[Field], doubt: str) -> None:
    shell.exit(line, doubt)


BUILTINS = {
    ":": _do_nothing,
    "times": _do_nothing,
    "export": _export,
    "readonly": _readonly,
    "unset": _unset,
    "set": _set,
    ".": _source,
    "eval": _eval,
    "exec": _exec,
    "trap": _trap,
    "shift": _shift,
    "local": _local,
    "break": _break,
    "continue": _break,
    "return": _return,
    "exit": _exit,
}
