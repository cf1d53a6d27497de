from __future__ import annotations

import pytest

from initpy.host import SignalMasks
from initpy.host.procfs import parse_cmdline, parse_masks, parse_stat, status_line, without_deleted

REST = " S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 999 1"


@pytest.mark.parametrize("name", ["nginx", "my daemon", "a) S 1 1", "((", ")", ""])
def test_stat(name):
    """A name may hold blanks and parentheses; what counts begins after the last one."""
    assert ("S", 7, 42, 123456) == parse_stat(f"42 ({name}){REST}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("\0\0", ()),
        ("/bin/x\0-c\0y\0", ("/bin/x", "-c", "y")),
        ("nginx: master process\0\0\0\0", ("nginx: master process",)),
        ("a\0\0b\0", ("a", "", "b")),
    ],
)
def test_cmdline(text, expected):
    """A title leaves the rest of the arguments as NULs; a kernel thread has none."""
    assert expected == parse_cmdline(text)


@pytest.mark.parametrize(
    ("name", "expected"), [("Name", "x: y\rUid:1"), ("Uid", "0\t0"), ("NSgid", "")]
)
def test_status_line(name, expected):
    """It is found by its whole name, and a process cannot write one with its own name."""
    text = "Name:\tx: y\rUid:1\nNSgid:\t\nUid:\t0\t0\n"

    assert expected == status_line(text, name)


@pytest.mark.parametrize("name", ["Gid", "ame", "x", "UID"])
def test_no_such_status_line(name):
    """One that the kernel does not write has to be asked for with a default."""
    text = "Name:\tx: y\nNSgid:\t\nUid:\t0\t0\n"

    assert "" == status_line(text, name, "")
    with pytest.raises(KeyError, match=name):
        status_line(text, name)


def test_masks():
    """A signal may wait for the process or for its thread."""
    text = (
        "Name:\tweb\nState:\tR (running)\nSigPnd:\t01\nShdPnd:\t02\nSigBlk:\t04\nSigIgn:\t08\n"
        "SigCgt:\t10\nvoluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n"
    )

    masks = parse_masks(text)

    expected = {"caught": 16, "ignored": 8, "blocked": 4, "pending": 3, "switches": 42}
    assert masks == SignalMasks(state="R", comm="web", **expected)


@pytest.mark.parametrize(
    ("exe", "expected"),
    [("/x (deleted)", "/x"), ("/x", "/x"), ("/x (deleted) (deleted)", "/x (deleted)")],
)
def test_without_deleted(exe, expected):
    """The kernel's mark goes, once."""
    assert expected == without_deleted(exe)
