from __future__ import annotations

import re

import pytest

from initpy import errors
from initpy.errors import ExitCode, HostError, StatusCode, failure_of, translated


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


@translated
class Part:
    """A part of a host, whose system calls fail."""

    def __init__(self, error):
        self._error = error

    def look(self, _subject=None):
        """Look at it."""
        raise self._error

    def look_twice(self):
        """Look by another method."""
        self.look()


@pytest.mark.parametrize(
    ("error", "subject", "message"),
    [
        (OSError(24, "Too many open files", "/proc/1/stat"), 1, "/proc/1/stat cannot be used: "),
        (OSError(24, "Too many open files"), 1, "look (1) failed: Too many open files"),
        (OSError(24, "Too many open files"), ["/bin/x", "-t"], "look (/bin/x) failed: Too many"),
        (OSError(24, "Too many open files"), None, "look failed: Too many open files"),
        (MemoryError(), "/run/x", "look (/run/x) failed: out of memory"),
        (OSError("no kernel"), None, "look failed: no kernel"),
    ],
)
def test_system_call_that_fails(error, subject, message):
    """What was done, or the file, and the reason: whoever expects an OSError finds one."""
    with pytest.raises(HostError) as caught:
        Part(error).look(subject)

    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, OSError)
    assert getattr(error, "errno", None) == caught.value.errno
    assert ExitCode.GENERIC == caught.value.exit_code
    assert error is caught.value.__cause__


def test_system_call_is_told_once():
    """A method that calls another one adds nothing."""
    with pytest.raises(HostError, match=r"^look failed: no$"):
        Part(OSError(5, "no")).look_twice()


def test_permission_has_its_code():
    """EPERM and EACCES are 4, as LSB wants it."""
    with pytest.raises(HostError) as caught:
        Part(PermissionError(1, "Operation not permitted")).look()

    assert ExitCode.NOT_PERMITTED == caught.value.exit_code


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(24, "Too many open files", "/a"), "/a: Too many open files"),
        (MemoryError(), "out of memory"),
        (KeyError("x\ny"), "initpy cannot be used: KeyError: 'x\\ny'"),
        (errors.Busy("it is busy"), "it is busy"),
    ],
)
def test_whatever_was_raised(error, message):
    """It is one line."""
    assert str(failure_of(error)).startswith(message)
    assert 1 == len(str(failure_of(error)).splitlines())
