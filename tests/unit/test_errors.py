from __future__ import annotations

import re

import pytest

from initpy import errors
from initpy.errors import ExitCode, StatusCode


def below(cls):
    """Return a class of the module and those that derive from it, with their codes."""
    own = {cls.__name__: cls.exit_code} if cls.__module__ == errors.__name__ else {}
    return own | {name: code for sub in cls.__subclasses__() for name, code in below(sub).items()}


def test_every_error_has_its_code_in_the_tree():
    """The tree in the docstring is the classes, and their exit codes."""
    tree = re.findall(r"^ {4,}(\w+) +(\d+) ", errors.__doc__, re.MULTILINE)

    assert {name: int(code) for name, code in tree} == below(errors.InitError)


def test_daemons_words_go_with_an_error():
    """Message and output are apart: one line for the operator, the rest as it was said."""
    error = errors.ConfigTestFailed("it failed", "unexpected }")

    assert ("it failed", "unexpected }") == (str(error), error.output)
    assert "" == errors.InitError("it failed").output


def test_wait_timeout_tells_what_and_how_long():
    """How long is a number as well as a word."""
    error = errors.WaitTimeout("nginx to exit", 2.5)

    assert ("waited 2.5 s for nginx to exit", 2.5) == (str(error), error.seconds)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [(ExitCode, [0, 1, 2, 3, 4, 5, 6, 7, 150, 151, 152]), (StatusCode, [0, 1, 2, 3, 4])],
)
def test_codes_are_lsbs(codes, expected):
    """The numbers are LSB 20.2's, and plain ones."""
    values = [value for name, value in vars(codes).items() if name.isupper()]

    assert expected == values
    assert {int} == set(map(type, values))
