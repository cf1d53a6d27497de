"""The statements of the shell's language: POSIX.1-2017, XCU 2.9 and 2.10. Nothing is run."""

from __future__ import annotations

from ..value import Value
from .parts import Fault, Token, is_name
from .words import REDIRECTIONS, Tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Union

# Words that end a part of a statement, where a command may begin.
_OF_CASES = (";;", "esac")
_ENDINGS = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}", "!"})
# The special built-in utilities of 2.14, and local: no function can have their names.
SPECIAL = frozenset(
    {".", "break", "continue", "eval", "exec", "exit", "export", "local", "readonly", "return"}
    | {":", "set", "shift", "times", "trap", "unset"}
)


class Simple(Value):
    """A command of words, the first of which may be assignments."""

    line: int
    words: tuple[Token, ...]
    others: tuple[Token, ...] = ()  # files of redirections
    uncertain: str = ""  # a redirection that may fail


class Compound(Value):
    """An if, a loop, a case, a group or a subshell: commands that may be run, or not."""

    line: int
    begins: str  # its first word
    body: tuple[Statement, ...]
    variable: str = ""  # of a for
    others: tuple[Token, ...] = ()  # what a for or a case looks at, and files of redirections


class Function(Value):
    """A definition of a function."""

    line: int
    name: str
    body: Command


class Pipeline(Value):
    """Commands that are connected by pipes."""

    commands: tuple[Command, ...]
    negated: bool = False


class Statement(Value):
    """Pipelines that are connected by ``&&`` and ``||``, the first by nothing."""

    line: int
    pipelines: tuple[tuple[str, Pipeline], ...]
    background: bool = False


if TYPE_CHECKING:
    Command = Union[Simple, Compound, Function]


def statements(text: str, line: int = 1) -> Iterator[Statement]:
    """Yield the statements of *text*, which begins in that line of a file.

    Raises Fault at the first that a shell would not read.
    """
    tokens = Tokens(text, line)
    while (token := _first(tokens)).text:
        tokens.give_back(token)
        yield _statement(tokens)


def _first(tokens: Tokens) -> Token:
    """Return the next token that is no newline."""
    while (token := tokens.next()).text == "\n":
        continue
    return token


def _fault(token: Token) -> Fault:
    what = repr(token.text) if token.text.strip() else "the end of the line"
    return Fault(f"{what} is not expected", token.line)


def _statement(tokens: Tokens) -> Statement:
    token = tokens.next()
    tokens.give_back(token)
    line, sign = token.line, ""
    pipelines: list[tuple[str, Pipeline]] = []
    while sign or not pipelines:
        pipelines.append((sign, _pipeline(tokens)))
        token = tokens.next()
        sign = token.text if token.text in ("&&", "||") and not token.word else ""
        if sign:
            tokens.give_back(_first(tokens))
    if token.word or token.text not in (";", "&", "\n"):
        tokens.give_back(token)  # it ends what stands around the statement
    return Statement(
        line=line, pipelines=(*pipelines,), background=token.text == "&" and not token.word
    )


def _pipeline(tokens: Tokens) -> Pipeline:
    token, negated = tokens.next(), False
    if token.word and token.text == "!":
        token, negated = tokens.next(), True
    commands = [_command(token, tokens)]
    while (token := tokens.next()).text == "|" and not token.word:
        commands.append(_command(_first(tokens), tokens))
    tokens.give_back(token)
    return Pipeline(commands=(*commands,), negated=negated)


def _command(token: Token, tokens: Tokens) -> Command:
    """Return the command that begins with *token*."""
    variable = ""
    others: tuple[Token, ...] = ()
    if token.text == "(" and not token.word:
        body, _ = _body(tokens, ")")
    elif not token.word or token.text in _ENDINGS:
        raise _fault(token)
    elif token.text == "{":
        body, _ = _body(tokens, "}")
    elif token.text in ("while", "until"):
        body = (*_body(tokens, "do")[0], *_body(tokens, "done")[0])
    elif token.text == "if":
        body = _branches(tokens)
    elif token.text == "for":
        variable, others = _for(tokens)
        body, _ = _body(tokens, "done")
    elif token.text == "case":
        others = (tokens.next(),)
        body = _cases(tokens)
    else:
        return _simple(token, tokens)
    return Compound(
        line=token.line,
        begins=token.text,
        body=body,
        variable=variable,
        others=(*others, *_redirections(tokens)),
    )


def _body(tokens: Tokens, *ends: str) -> tuple[tuple[Statement, ...], str]:
    """Return the statements up to one of the words *ends*, and that word."""
    body = []
    while (token := _first(tokens)).text not in ends:
        tokens.give_back(token)
        body.append(_statement(tokens))
    if not body and ends != _OF_CASES:
        raise _fault(token)
    return (*body,), token.text


def _branches(tokens: Tokens) -> tuple[Statement, ...]:
    body: list[Statement] = []
    end = "if"
    while end != "fi":
        more, end = _body(tokens, "then", "elif", "else", "fi")
        body += more
    return (*body,)


def _for(tokens: Tokens) -> tuple[str, tuple[Token, ...]]:
    """Return the variable of a loop and its words; "do" is passed over."""
    variable = tokens.next()
    if not is_name(variable.text):
        raise _fault(variable)
    words = []
    while (word := _first(tokens)).text != "do":
        if not word.text or (not word.word and word.text != ";"):
            raise _fault(word)
        words.append(word)
    return variable.text, (*words,)


def _cases(tokens: Tokens) -> tuple[Statement, ...]:
    if (token := _first(tokens)).text != "in":
        raise _fault(token)
    body: list[Statement] = []
    while (token := _first(tokens)).text != "esac":
        while token.word or token.text in ("(", "|"):  # the patterns
            token = tokens.next()
        if token.text != ")":
            raise _fault(token)
        more, end = _body(tokens, *_OF_CASES)
        body += more
        if end == "esac":
            break
    return (*body,)


def _redirections(tokens: Tokens) -> tuple[Token, ...]:
    """Return the files of the redirections that follow."""
    files = []
    while (token := tokens.next()).text in REDIRECTIONS and not token.word:
        files.append(_file(tokens))
    tokens.give_back(token)
    return (*files,)


def _file(tokens: Tokens) -> Token:
    if not (file := tokens.next()).word:
        raise _fault(file)
    return file


def _simple(token: Token, tokens: Tokens) -> Command:
    words: list[Token] = []
    files: list[Token] = []
    line, uncertain = token.line, ""
    while token.word or token.text in REDIRECTIONS:
        if token.word:
            words.append(token)
        else:
            files.append(_file(tokens))
            uncertain = uncertain or _may_fail(token.text, files[-1].text)
        token = tokens.next()
    if token.text == "(":
        if len(words) != 1 or words[0].key or tokens.next().text != ")":
            raise _fault(token)
        if not is_name(words[0].text) or words[0].text in SPECIAL:
            raise Fault(f"a function cannot have the name {words[0].text!r}", line)
        body = _command(_first(tokens), tokens)
        return Function(line=line, name=words[0].text, body=body)
    tokens.give_back(token)
    return Simple(line=line, words=(*words,), others=(*files,), uncertain=uncertain)


def _may_fail(operator: str, file: str) -> str:
    """Return a redirection, if a shell may not be able to do it."""
    safe = ("0", "1", "2", "-") if "&" in operator else ("/dev/null",)
    return "" if operator.startswith("<<") or file in safe else f"{operator}{file}"
