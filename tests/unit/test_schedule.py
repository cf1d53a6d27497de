from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from initpy.schedule import Step, parse_schedule
from initpy.signal_names import signal_named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("QUIT/30/TERM/5/KILL/5", [("QUIT", 30), ("TERM", 5), ("KILL", 5)]),
        ("30", [("TERM", 30), ("KILL", 30)]),
        ("TERM/0.5", [("TERM", 0.5)]),
        ("-TERM/5", [("TERM", 5)]),
        ("SIGTERM/5", [("TERM", 5)]),
        ("term/5", [("TERM", 5)]),
        (" TERM/5 ", [("TERM", 5)]),
        ("TERM/forever", [("TERM", float("inf"))]),
        ("QUIT/infinity/KILL/5", [("QUIT", float("inf")), ("KILL", 5.0)]),
        ("CONT/0/KILL/5", [("CONT", 0), ("KILL", 5)]),
    ],
)
def test_notation(text, expected):
    """The notation is that of start-stop-daemon's --retry."""
    steps = [Step(sig=sig, seconds=float(seconds)) for sig, seconds in expected]

    assert tuple(steps) == parse_schedule(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TERM",
        "TERM/5/KILL",
        "TERM/-5",
        "TERM/nan",
        "TERM/inf",
        "TERM/1e3",
        "TERM/5s",
        "TERM/",
        "TERM/.",
        "TERM/\u0665",
        "STOP/5",
        "SEGV/5",
        "15/5",
        "$(reboot)/5",
        "5/TERM",
    ],
)
def test_nonsense_is_refused(text):
    """What is no schedule is refused, with a sentence that quotes it."""
    with pytest.raises(ValueError, match="schedule") as caught:
        parse_schedule(text)

    assert repr(text) in str(caught.value)


@given(some.text())
def test_any_text_is_a_schedule_or_refused(text):
    """No text does anything else, and no step waits less than nothing."""
    try:
        steps = parse_schedule(text)
    except ValueError:
        return

    assert all(step.seconds >= 0 for step in steps)
    assert all(signal_named(step.sig) for step in steps)


@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "term", "15"])
def test_signal_named(name):
    """A signal has a name, with and without SIG, and a number."""
    assert signal.SIGTERM == signal_named(name)


@pytest.mark.parametrize("name", ["", "SIG", "NONE", "0", "99", "-15", "\u00b2", "15.0"])
def test_no_such_signal(name):
    """What is no signal is refused."""
    with pytest.raises(ValueError, match=r"signal|Signals"):
        signal_named(name)
