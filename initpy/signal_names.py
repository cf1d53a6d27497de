"""Signals by name: settings and declarations name them ("TERM"), system calls number them."""

from __future__ import annotations

import _signal  # signal would load enum


class Signal(int):
    """A number that has a name, like ``signal.Signals``, which is an enum and slow to import."""

    name: str


def signal_named(name: str) -> Signal:
    """Return the signal of that name or number: TERM, SIGTERM, 15. Raises ValueError."""
    short = "SIG" + name.upper().removeprefix("SIG")
    for known, number in vars(_signal).items():
        named = known.startswith("SIG") and "_" not in known  # SIG_DFL is not a signal
        if named and (short == known or name == str(number)):
            signal = Signal(number)
            signal.name = known
            return signal
    raise ValueError(f"{name!r} is not a signal")


def signal_name(number: int) -> str:
    """Return the name of a signal: SIGTERM."""
    return signal_named(str(int(number))).name
