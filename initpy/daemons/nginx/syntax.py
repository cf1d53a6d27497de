"""The words of nginx's configuration, as ngx_conf_read_token takes them from the text.

They are read without ``re``, which takes longer to load than most configurations to read.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANKS, _SIGNS, _QUOTES = " \t\r\n", ";{}", "\"'"
_LUA_BLOCK = "_by_lua_block"
_SPECIAL = (*_QUOTES, "\\", "#", "$", _LUA_BLOCK)
_MOST = 1 << 16  # signs of a text that are split at once
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", '"': '"', "'": "'", "\\": "\\"}
# What may hide a brace in Lua: a comment, a string; and where a long comment or string begins.
_LUA = r"""(?:--)?\[(?P<level>=*)\[ | --[^\n]* | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | [{}]"""


def statements(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each statement, and the sign that ends them: ``;``, ``{`` or ``}``.

    Reading stops at what is not in this syntax: nginx refuses such a file.

    >>> list(statements("pid '/run/x y'; http { }"))
    [(['pid', '/run/x y'], ';'), (['http'], '{'), ([], '}')]
    """
    words: list[str] = []
    place, special = 0, dict.fromkeys(_SPECIAL, -1)
    while place < len(text):
        end = place if _is_lua(words) else _end_of_plain(text, place, special)
        yield from _in_plain(text[place:end], words)
        if (place := end) == len(text):
            return
        sign = text[place]
        if sign in _SIGNS:
            yield words, sign
            place += 1
            if sign == "{" and _is_lua(words):
                place = _end_of_lua(text, place)
                yield [], "}"
            words = []
        elif sign in _BLANKS:
            place += 1
        elif sign == "#":
            place = text.find("\n", place) + 1 or len(text)
        elif (place := _end_of_word(text, end)) < 0:
            return
        else:
            quotes = int(sign in _QUOTES)
            words.append(_unescape(text[end + quotes : place - quotes]))


def _end_of_plain(text: str, place: int, special: dict[str, int]) -> int:
    """Return up to where *text* is no more than whole bare words, blanks and signs.

    special: where each special sign stands next, as far as that is known.
    """
    for sign, known in special.items():
        if known < place:
            found = text.find(sign, place)
            special[sign] = found if found >= 0 else len(text)
    end = min(place + _MOST, *special.values())
    if end == len(text):
        return end
    return max(text.rfind(blank, place, end) + 1 or place for blank in _BLANKS)


def _is_lua(words: list[str]) -> bool:
    """Tell whether a block that follows those words is Lua."""
    return bool(words) and words[0].endswith(_LUA_BLOCK)


def _in_plain(text: str, words: list[str]) -> Iterator[tuple[list[str], str]]:
    """Yield the statements that end in a plain text, and leave in *words* those of the next."""
    for blank in "\t\r\n":
        text = text.replace(blank, " ")
    for token in text.replace(";", " ; ").replace("{", " { ").split(" "):
        word = token.lstrip("}")  # within a word it is no sign
        for sign in (*token[: len(token) - len(word)], word):
            if sign in ("}", ";", "{"):
                yield words[:], sign
                words.clear()
            elif sign:
                words.append(sign)


def _end_of_word(text: str, place: int) -> int:
    """Return where the word ends that begins at *place*; -1 if it does not end.

    Only blanks, ``;`` and ``{`` end a bare word, but not the ``{`` of ``${name}``.
    """
    quoted = text[place] in _QUOTES
    ends = text[place] if quoted else f"{_BLANKS};{{"
    place += quoted
    while place < len(text) and text[place] not in ends:
        sign = text[place]
        place += 2 if sign == "\\" else 1
        while sign == "$" and not quoted and text.startswith("{", place):
            place += 1
    ended = place < len(text) or (place == len(text) and not quoted)
    return place + quoted if ended else -1


def _unescape(word: str) -> str:
    read, place = "", 0
    while (found := word.find("\\", place)) >= 0:
        pair = word[found : found + 2]
        read += word[place:found] + _ESCAPES.get(pair[1], pair)
        place = found + 2
    return read + word[place:]


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
