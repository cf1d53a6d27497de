"""The words of nginx's configuration, as ngx_conf_read_token takes them from the text."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# A blank is one of four characters; within a bare word only ``;`` and ``{`` end it too,
# but not the ``{`` of ``${name}``.
_WORD = r"""[ \t\r\n]* (?: \#[^\n]* | ([;{}])
    | "([^"\\]*(?:\\.[^"\\]*)*)" | '([^'\\]*(?:\\.[^'\\]*)*)'
    | ((?:\\. | \$\{* | [^ \t\r\n;{}\#"'\\$]) (?:\\. | \$\{* | [^ \t\r\n;{\\$])*) )"""
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", '"': '"', "'": "'", "\\": "\\"}
# What may hide a brace in Lua: a comment, a string; and where a long comment or string begins.
_LUA = r"""(?:--)?\[(?P<level>=*)\[ | --[^\n]* | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | [{}]"""


def statements(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each statement, and the sign that ends them: ``;``, ``{`` or ``}``.

    Reading stops at what is not in this syntax: nginx refuses such a file.

    >>> list(statements("pid '/run/x y'; http { }"))
    [(['pid', '/run/x y'], ';'), (['http'], '{'), ([], '}')]
    """
    import re

    read = re.compile(_WORD, re.VERBOSE | re.DOTALL).match
    words: list[str] = []
    place = 0
    while token := read(text, place):
        place = token.end()
        kind = token.lastindex
        if kind is None:
            continue  # a comment
        if kind > 1:
            words.append(_unescape(token[kind]))
            continue
        yield words, token[1]
        if token[1] == "{" and words and words[0].endswith("_by_lua_block"):
            place = _end_of_lua(text, place)
            yield [], "}"
        words = []


def _unescape(word: str) -> str:
    if "\\" not in word:
        return word
    import re

    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), word, flags=re.DOTALL)


def _end_of_lua(text: str, place: int) -> int:
    """Return where the block of Lua ends that begins at *place*: Lua's rules tell its braces."""
    import re

    read = re.compile(_LUA, re.VERBOSE | re.DOTALL).search
    depth = 1
    while depth and (token := read(text, place)):
        place = token.end()
        if token["level"] is not None:
            end = text.find(f"]{token['level']}]", place)
            place = len(text) if end < 0 else end
        elif token[0] in ("{", "}"):
            depth += 1 if token[0] == "{" else -1
    return len(text) if depth else place
