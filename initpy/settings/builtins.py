"""The commands of a shell that set its variables: POSIX.1-2017, XCU 2.14.

Each is given the line, its arguments, and why it may not be run at all ("" if it is). It
returns whether it succeeds.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .parts import Token
    from .shell import Shell


def _do_nothing(_shell: Shell, _line: int, _words: Sequence[Token], _doubt: str) -> bool:
    """Run ``:``. Its arguments have been expanded, which may set variables: ``${A:=x}``."""
    return True


def _declare(shell: Shell, _line: int, words: Sequence[Token], doubt: str) -> bool:
    """Run ``readonly``."""
    for word in words:
        if word.key:
            shell.assign(word, doubt)
    return True


def _export(shell: Shell, line: int, words: Sequence[Token], doubt: str) -> bool:
    if not any(word.text.startswith("-") for word in words):
        _declare(shell, line, words, doubt)
        shell.variables.exported.update(word.key or word.text for word in words)
    return True


def _unset(shell: Shell, line: int, words: Sequence[Token], doubt: str) -> bool:
    for word in words:
        if doubt:
            shell.cannot_tell(word.text, line, doubt)
        else:
            shell.variables.unset(word.text)
    return True


def _set(shell: Shell, _line: int, words: Sequence[Token], _doubt: str) -> bool:
    """Run ``set``: from -a on, each variable that is assigned is exported."""
    for word in words:
        if word.text in ("-a", "+a", "allexport"):
            shell.variables.export_all = word.text != "+a"
    return True


def _source(shell: Shell, line: int, words: Sequence[Token], doubt: str) -> bool | None:
    shell.source(line, words, doubt)
    return None if doubt else True


def _return(shell: Shell, line: int, _words: Sequence[Token], doubt: str) -> bool:
    shell.stop(line, doubt)
    return True


def _exit(shell: Shell, line: int, _words: Sequence[Token], doubt: str) -> bool:
    shell.exit(line, doubt)
    return True


BUILTINS = {
    ":": _do_nothing,
    "export": _export,
    "readonly": _declare,
    "unset": _unset,
    "set": _set,
    ".": _source,
    "return": _return,
    "exit": _exit,
}
