"""The arguments of a command line in which further names stand, as ``{NAME}``.

A value is split into words by one of two rules, by whoever its file is written for:

- ``words`` of a settings file: as a shell splits an unquoted ``$KEY``, because that is what
  the init script says that the file was written for. Quotes in the value are characters.
  (``DAEMON_OPTS`` is a key of ours, which has always had quotes.) No pattern is expanded.
- ``environment`` and ``environment_files``: as systemd splits ``$NAME``, systemd.service(5).
  Quotes are respected, and removed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .service import Service

_BLANKS = " \t\n"  # the default of IFS
_BLANKS_OF_SYSTEMD = " \t\n\r"


class _Names(dict):  # type: ignore[type-arg]
    """The values of all names; one that no file has set is empty, as for systemd."""

    def __missing__(self, name: str) -> str:
        if not name.isidentifier():
            raise KeyError(name)
        return ""


def expanded(service: Service, args: Iterable[str], facts: Mapping[str, Any]) -> list[str]:
    """Return *args* with the values of all names; one that is ``{NAME}`` alone becomes words.

    facts: config, pidfile, and pid in the place of a running master's.

    Raises KeyError for an unknown name, ValueError for a brace that is not closed.
    """
    kind = _Names if service.environment_files else dict
    names: dict[str, str] = kind({**service.environment, **service.words, **facts})
    found: list[str] = []
    for arg in args:
        name = arg[1:-1] if arg[:1] == "{" and arg[-1:] == "}" else ""
        if not name.isidentifier() or name in facts:
            found.append(arg.format_map(names))
        elif name in service.words:
            found += shell_words(names[name])
        else:
            found += systemd_words(names[name])
    return found


def shell_words(value: str) -> list[str]:
    """Split a value as a shell splits an unquoted ``$KEY``: POSIX.1-2017, XCU 2.6.5.

    >>> shell_words(" -a  'b c' ")
    ['-a', "'b", "c'"]
    """
    for blank in _BLANKS:
        value = value.replace(blank, " ")
    return [word for word in value.split(" ") if word]


def systemd_words(value: str) -> list[str]:
    r"""Split a value as systemd splits ``$NAME``: extract_first_word() with UNQUOTE and RELAX.

    >>> systemd_words(r'''-a "b c"d '' e\ f''')
    ['-a', 'b cd', '', 'e f']
    """
    found: list[str] = []
    word: str | None = None
    quote, escaped = "", False
    for char in value:
        if escaped:
            word, escaped = f"{word or ''}{char}", False
        elif char == "\\":
            word, escaped = word or "", True
        elif quote and char == quote:
            quote = ""
        elif not quote and char in "'\"":
            word, quote = word or "", char
        elif not quote and char in _BLANKS_OF_SYSTEMD:
            found += [] if word is None else [word]
            word = None
        else:
            word = f"{word or ''}{char}"
    return found if word is None else [*found, word]
