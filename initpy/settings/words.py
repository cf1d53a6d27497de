"""Reading the tokens of the shell's language: POSIX.1-2017, XCU 2.2 and 2.3."""

from __future__ import annotations

import re

from .parts import Fault, Reference, Token, Unread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .documents import Document
    from .parts import Part

_BLANKS = " \t"
_ENDS = " \t\n;&|<>()"  # what ends a word, unless it is quoted
# The longest first. Digits before a redirection belong to it, as in 2>&1.
_OPERATORS = ("<<-", "&&", "||", ";;", "<<", ">>", "<&", ">&", "<>", ">|", *";&|<>()")
REDIRECTIONS = frozenset({"<", ">", ">>", "<<", "<<-", "<&", ">&", "<>", ">|"})
_ESCAPED_IN_QUOTES = '$`"\\'
# Characters that stand for themselves outside and inside of double quotes. A } ends a ${.
_PLAIN = re.compile("[^ \\t\\n;&|<>()'\"`$\\\\~}]+")
_PLAIN_IN_QUOTES = re.compile('[^"`$\\\\}\\n]+')
_NAME = re.compile(r"(?:\\\n)*[A-Za-z_][A-Za-z0-9_]*(?:(?:\\\n)+[A-Za-z0-9_]+)*")


class Tokens:
    """The tokens of a text, one after the other."""

    def __init__(self, text: str, line: int = 1) -> None:
        """Begin at the start of *text*, which is in that line."""
        self._text, self._at, self.line = text, 0, line
        self._documents: list[Document] = []  # those that begin after this line
        self._document = ""  # the operator, if the next word ends a here-document
        self._assigned = False  # the word that is read is an assignment
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
        line, sign = self.line, self.peek()
        if sign in ("", "\n"):
            if sign:
                self.take()
                self._skip_documents()
            return Token(text=sign, line=line)
        for operator in _OPERATORS:
            if self._text.startswith(operator, self._at):
                self._at += len(operator)
                self._document = operator if operator.startswith("<<") else ""
                return Token(text=operator, line=line)
        token = self._word()
        if token.text.isdigit() and self.peek() in ("<", ">"):
            return self.next()
        if self._document:
            self._add_document(token)
        return token

    def peek(self) -> str:
        """Return the next character, after the ends of lines that a backslash continues."""
        while self._text.startswith("\\\n", self._at):
            self._at += 2
            self.line += 1
        return self._text[self._at : self._at + 1]

    def take(self) -> str:
        """Return the next character, and pass over it."""
        sign = self._text[self._at : self._at + 1]
        self._at += 1
        self.line += sign == "\n"
        return sign

    def take_until(self, end: str, what: str) -> str:
        """Return the text up to *end*, and pass over that."""
        there = self._text.find(end, self._at)
        if there < 0:
            raise Fault(f"{what} without an end", self.line)
        text = self._text[self._at : there]
        self._at = there + len(end)
        self.line += text.count("\n")
        return text

    def _skip_blanks(self) -> None:
        while (sign := self.peek()) and sign in _BLANKS:
            self._at += 1
        if sign == "#":
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end

    def _add_document(self, token: Token) -> None:
        """Note that *token* ends a here-document."""
        from .documents import Document

        if token.key or not all(isinstance(part, str) for part in token.parts):
            raise Fault("the end of a here-document is not plain", token.line)
        end = "".join(part for part in token.parts if isinstance(part, str))
        tabs = self._document == "<<-"
        self._documents.append(Document(end=end, tabs=tabs, expanded=end == token.text))
        self._document = ""

    def _skip_documents(self) -> None:
        for document in self._documents:
            from .documents import skip_document

            self._at, self.line = skip_document(document, self._text, self._at, self.line)
        self._documents = []

    def _word(self) -> Token:
        start, line, outside = self._at, self.line, self._assigned
        key = self._key()
        self._assigned = bool(key)
        parts: list[Part] = []
        while (sign := self.peek()) and sign not in _ENDS:
            parts += self.part(sign, quoted=False)
        self._assigned = outside
        text = self._text[start : self._at].replace("\\\n", "")
        return Token(text=text, line=line, word=True, parts=(*parts,), key=key)

    def _key(self) -> str:
        """Pass over NAME= and return the name; return "" if that does not stand here."""
        start = self._at, self.line
        name = self.name()
        if name and self.peek() == "=":
            self._at += 1
            return name
        self._at, self.line = start
        return ""

    def name(self) -> str:
        """Return the name of a variable that stands here; "" if there is none."""
        found = _NAME.match(self._text, self._at)
        if not found:
            return ""
        self._at = found.end()
        self.line += found.group().count("\n")
        return found.group().replace("\\\n", "")

    def part(self, sign: str, *, quoted: bool, braces: bool = False) -> list[Part]:
        """Return what *sign* begins, which stands here, as parts. Raises Fault.

        quoted, braces: it is in double quotes, in ``${}``.
        """
        plain = (_PLAIN_IN_QUOTES if quoted else _PLAIN).match(self._text, self._at)
        if plain:
            self._at = plain.end()
            return [plain.group()]
        self.take()
        if sign == '"':
            return self._quoted(braces=braces)
        if sign == "'" and not quoted:
            return [self.take_until("'", "a quote")]
        return [self._special(sign, quoted, "}" if braces else "")]

    def _special(self, sign: str, quoted: bool, escaped: str) -> Part:
        """Return what *sign* begins; *escaped* may follow a backslash in quotes, too."""
        if sign == "~" and not quoted:
            return self._tilde()
        if sign == "\\":
            return self._escaped(escaped) if quoted else self.take() or sign
        if sign not in "$`":
            return sign
        from .expansions import read_backquoted, read_dollar

        return read_dollar(self, quoted=quoted) if sign == "$" else read_backquoted(self)

    def _escaped(self, others: str) -> str:
        following = self.take()
        kept = following not in _ESCAPED_IN_QUOTES + others
        return f"\\{following}" if kept else following

    def _quoted(self, *, braces: bool) -> list[Part]:
        """Return the parts up to a double quote."""
        line = self.line
        parts: list[Part] = [""]
        while (sign := self.peek()) != '"':
            if not sign:
                raise Fault("a quote without an end", line)
            parts += self.part(sign, quoted=True, braces=braces)
        self._at += 1
        return parts

    def _tilde(self) -> Part:
        """Return a tilde at the beginning of a path, which stays one where no HOME is set."""
        before = self._text[self._at - 2 : self._at - 1]
        if before not in ("=", ":") or not self._assigned:
            return "~"
        if (after := self.peek()) and after not in "/:" + _ENDS:
            return Unread(why="it begins with the home of a user")
        return Reference(name="HOME", sign="-", other=("~",))
