"""Stop schedules, in the notation of start-stop-daemon(8) ``--retry``."""

from __future__ import annotations

from .value import Value

# The signals that a schedule may name: those that can end a process, and CONT, which
# lets a stopped process act on them.
_ENDING = ("HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "USR2", "TERM", "CONT", "WINCH")


ENDLESS = ("forever", "infinity")  # in place of seconds


class Step(Value):
    """One step of a schedule: send *sig*, then wait at most *seconds*."""

    sig: str  # without "SIG"
    seconds: float  # of monotonic time; infinite for "forever"


def parse_schedule(text: str) -> tuple[Step, ...]:
    """Read a stop schedule: signals and seconds in turn, or one number of seconds.

    ``30`` means ``TERM/30/KILL/30`` as in start-stop-daemon(8). In place of seconds
    ``forever`` is allowed, and ``infinity`` as systemd spells it. Raises ValueError with a
    sentence for the operator.

    >>> parse_schedule("QUIT/30/KILL/5")
    (Step(sig='QUIT', seconds=30.0), Step(sig='KILL', seconds=5.0))
    """
    parts = text.strip().split("/")
    if len(parts) == 1:
        parts = ["TERM", parts[0], "KILL", parts[0]]
    if len(parts) % 2:
        raise ValueError(f"schedule {text!r} must be SIGNAL/SECONDS, once or repeated")
    return tuple(
        Step(sig=_ending_signal(sig, text), seconds=_seconds(seconds, text))
        for sig, seconds in zip(parts[::2], parts[1::2])
    )


def schedule_text(schedule: tuple[Step, ...]) -> str:
    """Return the text of which ``parse_schedule`` makes *schedule*.

    >>> schedule_text(parse_schedule("QUIT/0.5/KILL/forever"))
    'QUIT/0.5/KILL/forever'
    """
    endless = float("inf")
    return "/".join(
        f"{step.sig}/{'forever' if step.seconds == endless else _digits(step.seconds)}"
        for step in schedule
    )


def _digits(seconds: float) -> str:
    return f"{seconds:f}".rstrip("0").rstrip(".")


def _ending_signal(name: str, text: str) -> str:
    short = name.lstrip("-").upper()
    short = short.removeprefix("SIG")
    if short not in _ENDING:
        raise ValueError(f"schedule {text!r}: {name!r} is not one of {' '.join(_ENDING)}")
    return short


def _seconds(number: str, text: str) -> float:
    if number in ENDLESS:
        return float("inf")
    # Only digits and one point: float() would accept "nan", "inf" and "-1".
    if not number.replace(".", "", 1).isdigit() or not number.isascii():
        raise ValueError(f"schedule {text!r}: {number!r} is not a number of seconds")
    return float(number)
