"""Stop schedules, in the notation of start-stop-daemon(8) ``--retry``.

The one place where signals are names: here they stand in settings and
declarations. Everything above uses numbers.
"""

from __future__ import annotations

from .value import Value

# What a schedule may name: the signals that end a process, and CONT, which
# wakes a stopped one so that it can.
_ENDING = ("HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "USR2", "TERM", "CONT", "WINCH")


class Step(Value):
    """One step of a schedule: send *sig*, then wait so many seconds at most."""

    sig: str  # without "SIG"
    seconds: float  # of monotonic time; infinite for "forever"


def parse_schedule(text: str) -> tuple[Step, ...]:
    """Read a stop schedule: signals and seconds in turn, or seconds alone.

    Seconds alone, ``30``, mean ``TERM/30/KILL/30`` as in start-stop-daemon(8).
    ``forever`` may stand for seconds. Raises ValueError, with a sentence.

    >>> parse_schedule("QUIT/30/KILL/5")
    (Step(sig='QUIT', seconds=30.0), Step(sig='KILL', seconds=5.0))
    """
    parts = text.strip().split("/")
    if len(parts) == 1:
        parts = ["TERM", parts[0], "KILL", parts[0]]
    if len(parts) % 2:
        raise ValueError(f"schedule {text!r} must be SIGNAL/SECONDS, any number of times")
    return tuple(
        Step(sig=_ending_signal(sig, text), seconds=_seconds(seconds, text))
        for sig, seconds in zip(parts[::2], parts[1::2])
    )


def _ending_signal(name: str, text: str) -> str:
    short = name.lstrip("-").upper()
    short = short.removeprefix("SIG")
    if short not in _ENDING:
        raise ValueError(f"schedule {text!r}: {name!r} is not one of {' '.join(_ENDING)}")
    return short


def _seconds(number: str, text: str) -> float:
    if number == "forever":
        return float("inf")
    # Digits only: float() would let "nan", "inf" and "-1" pass.
    if not number.replace(".", "", 1).isdigit() or not number.isascii():
        raise ValueError(f"schedule {text!r}: {number!r} is no number of seconds")
    return float(number)


class Signal(int):
    """What ``signal.Signals`` is: a number that has a name. That is an enum, and costs one."""

    name: str


def signal_named(name: str) -> Signal:
    """Return the signal of that name or number: TERM, SIGTERM, 15. Raises ValueError."""
    import _signal  # what signal makes its enums of

    short = "SIG" + name.upper().removeprefix("SIG")
    for known, number in vars(_signal).items():
        named = known.startswith("SIG") and "_" not in known  # but for SIG_DFL and its like
        if named and (short == known or name == str(number)):
            signal = Signal(number)
            signal.name = known
            return signal
    raise ValueError(f"there is no signal {name!r}")


def signal_name(number: int) -> str:
    """Return the name of a signal: SIGTERM."""
    return signal_named(str(int(number))).name
