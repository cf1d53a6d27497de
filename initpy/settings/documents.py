"""Passing over here-documents: POSIX.1-2017, XCU 2.7.4."""

from __future__ import annotations

import re

from ..value import Value
from .parts import Fault

# What sets a variable, or ends a shell, while the document is expanded.
_SETS = re.compile(r"\$\{\w+:?[=?]|\$\(\(.*=")


class Document(Value):
    """A here-document that begins after the line."""

    end: str  # the line after it
    tabs: bool  # are dropped at the beginning of a line
    expanded: bool  # as in double quotes: the end was not quoted


def skip_document(document: Document, text: str, at: int, line: int) -> tuple[int, int]:
    """Return the place in *text*, and the line, after a document. Raises Fault."""
    while at < len(text):
        read, at, lines = _line(document, text, at)
        line += lines
        if read == document.end:
            break
        if document.expanded:
            if _SETS.search(read):
                raise Fault("a here-document that sets a variable is not read", line - 1)
            opened = read.count("${") > read.count("}") or read.count("$(") > read.count(")")
            if opened or read.count("`") % 2:
                raise Fault("an expansion over several lines is not read", line - 1)
    return at, line


def _line(document: Document, text: str, at: int) -> tuple[str, int, int]:
    """Return a line, which a backslash may continue, the place after it, and how many it was."""
    taken: list[str] = []
    continued = True
    while continued:
        there = text.find("\n", at)
        there = len(text) if there < 0 else there
        one = text[at:there]
        taken.append(one.lstrip("\t") if document.tabs and not taken else one)
        backslashes = len(one) - len(one.rstrip("\\"))
        continued = document.expanded and backslashes % 2 == 1 and there < len(text)
        at = there + 1
    return "".join(one[:-1] for one in taken[:-1]) + taken[-1], at, len(taken)
