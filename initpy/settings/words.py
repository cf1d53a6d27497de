"""Reading the tokens of the shell's language: POSIX.1-2017, XCU 2.2, 2.3 and 2.6."""

from __future__ import annotations

from .parts import Fault, Reference, Token, Unread, is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar

    from .parts import Part

_BLANKS = " \t"
_ENDS = " \t\n;&|<>()"  # what ends a word, unless it is quoted
# The longest first. Digits before a redirection belong to it, as in 2>&1.
_OPERATORS = ("<<-", "&&", "||", ";;", "<<", ">>", "<&", ">&", "<>", ">|", *";&|<>()")
REDIRECTIONS = frozenset({"<", ">", ">>", "<<", "<<-", "<&", ">&", "<>", ">|"})
_ESCAPED_IN_QUOTES = '$`"\\'
_COMMAND = "its value comes from a command, and none is run"


class Tokens:
    """The tokens of a text, one after the other."""

    def __init__(self, text: str) -> None:
        """Begin at the start of *text*."""
        self._text, self._at, self._line = text, 0, 1
        self._documents: list[tuple[str, bool]] = []  # here-documents that begin after this line
        self._document = ""  # the operator, if the next word ends a here-document
        self._returned: Token | None = None

    def give_back(self, token: Token) -> None:
        """Have *token* come again."""
        self._returned = token

    def next(self) -> Token:
        """Return the next token. Raises Fault."""
        if self._returned is not None:
            token, self._returned = self._returned, None
            return token
        self._skip_blanks()
        line, sign = self._line, self._peek()
        if sign in ("", "\n"):
            if sign:
                self._take()
                self._skip_documents()
            return Token(text=sign, line=line)
        for operator in _OPERATORS:
            if self._text.startswith(operator, self._at):
                self._at += len(operator)
                self._document = operator if operator.startswith("<<") else ""
                return Token(text=operator, line=line)
        token = self._word()
        if token.text.isdigit() and self._peek() in ("<", ">"):
            return self.next()
        if self._document:
            end = "".join(part for part in token.parts if isinstance(part, str))
            self._documents.append((end, self._document == "<<-"))
            self._document = ""
        return token

    def _peek(self) -> str:
        """Return the next character, after the ends of lines that a backslash continues."""
        while self._text.startswith("\\\n", self._at):
            self._at += 2
            self._line += 1
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        sign = self._text[self._at : self._at + 1]
        self._at += 1
        self._line += sign == "\n"
        return sign

    def _take_until(self, end: str, what: str) -> str:
        """Return the text up to *end*, and pass over that."""
        there = self._text.find(end, self._at)
        if there < 0:
            raise Fault(f"{what} without an end", self._line)
        text = self._text[self._at : there]
        self._at = there + len(end)
        self._line += text.count("\n")
        return text

    def _skip_blanks(self) -> None:
        while (sign := self._peek()) and sign in _BLANKS:
            self._at += 1
        if sign == "#":
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end

    def _skip_documents(self) -> None:
        for end, tabs in self._documents:
            line = None
            while line != end and self._at < len(self._text):
                there = self._text.find("\n", self._at)
                there = len(self._text) if there < 0 else there
                line = self._text[self._at : there]
                line = line.lstrip("\t") if tabs else line
                self._at = there + 1
                self._line += 1
        self._documents = []

    def _word(self) -> Token:
        start, line = self._at, self._line
        key = self._key()
        parts: list[Part] = []
        while (sign := self._peek()) and sign not in _ENDS:
            parts += self._part(sign, quoted=False)
        text = self._text[start : self._at].replace("\\\n", "")
        return Token(text=text, line=line, word=True, parts=(*parts,), key=key)

    def _key(self) -> str:
        """Pass over NAME= and return the name; return "" if that does not stand here."""
        start = self._at, self._line
        name = self._name()
        if name and self._peek() == "=":
            self._at += 1
            return name
        self._at, self._line = start
        return ""

    def _part(self, sign: str, *, quoted: bool) -> list[Part]:
        """Return what *sign* begins, which stands here, as parts."""
        self._take()
        if sign == '"':
            return self._quoted()
        if sign == "'" and not quoted:
            return [self._take_until("'", "a quote")]
        if sign == "~" and not quoted:
            return [self._tilde()]
        read = self._READERS.get(sign)
        return [read(self, quoted) if read else sign]

    def _escaped(self, quoted: bool) -> str:
        following = self._take()
        return f"\\{following}" if quoted and following not in _ESCAPED_IN_QUOTES else following

    def _backquoted(self, _quoted: bool) -> Unread:
        while self._take_until("`", "a command").endswith("\\"):
            continue
        return Unread(why=_COMMAND)

    def _quoted(self) -> list[Part]:
        """Return the parts up to a double quote."""
        line = self._line
        parts: list[Part] = [""]
        while (sign := self._peek()) != '"':
            if not sign:
                raise Fault("a quote without an end", line)
            parts += self._part(sign, quoted=True)
        self._at += 1
        return parts

    def _tilde(self) -> Part:
        """Return a tilde at the beginning of a path, which stays one where no HOME is set."""
        before = self._text[self._at - 2 : self._at - 1]
        if before not in ("=", ":"):
            return "~"
        if (after := self._peek()) and after not in "/:" + _ENDS:
            return Unread(why="it begins with the home of a user")
        return Reference(name="HOME", sign="-", other=("~",))

    def _dollar(self, quoted: bool) -> Part:
        """Return what follows a dollar sign."""
        line, sign = self._line, self._peek()
        if sign == "{":
            self._at += 1
            return self._braces(line, quoted=quoted)
        if sign == "(":
            self._at += 1
            self._skip_command(line)
            return Unread(why=_COMMAND)
        name = self._name()
        if name:
            return Reference(name=name)
        if sign and (sign in "@*#?-$!" or sign.isdigit()):
            self._at += 1
            return Unread(why=f"it contains ${sign}, which only a shell has")
        return "$"

    def _name(self) -> str:
        name = ""
        while (sign := self._peek()) and is_name(name + sign):
            name += self._take()
        return name

    def _braces(self, line: int, *, quoted: bool) -> Part:
        name, sign = self._name(), self._peek()
        if name and sign == "}":
            self._at += 1
            return Reference(name=name)
        or_empty = sign == ":"
        if or_empty:
            self._at += 1
            sign = self._peek()
        known = name and sign in ("-", "=", "+")
        if known:
            self._at += 1
        parts: list[Part] = []
        while (at := self._peek()) != "}":
            if not at:
                raise Fault("${ without an end", line)
            parts += self._part(at, quoted=quoted)
        self._at += 1
        if not known:
            return Unread(why="it contains a ${} that only a shell reads", inside=(*parts,))
        return Reference(name=name, sign=sign, or_empty=or_empty, other=(*parts,))

    def _skip_command(self, line: int) -> None:
        """Pass over the rest of ``$(...)`` or ``$((...))``."""
        depth = 1
        expression = self._peek() == "("  # in which << begins no here-document
        while depth:
            sign = self._take() if expression else self._command_token().text
            if not sign or (expression and sign in "'\"`"):
                raise Fault("a $( ) cannot be read to its end", line)
            depth += (sign == "(") - (sign == ")")

    def _command_token(self) -> Token:
        token = self.next()
        if token.text == "case":  # its patterns end with a parenthesis
            raise Fault("a case in $( ) cannot be read", token.line)
        return token

    # What stands for something else, outside and inside of double quotes.
    _READERS: ClassVar[dict[str, Callable[[Tokens, bool], Part]]] = {
        "\\": _escaped,
        "$": _dollar,
        "`": _backquoted,
    }
