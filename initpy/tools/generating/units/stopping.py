"""How a unit ends its daemon, and how it has it read its configuration anew: systemd.kill(5)."""

from __future__ import annotations

import shlex

from ....schedule import Step, parse_schedule
from ....signal_names import signal_named
from .commands import Command, commands
from .syntax import is_false, is_true, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .commands import Variables
    from .unit import Unit

USUAL = 90.0  # seconds: DefaultTimeoutStartSec and DefaultTimeoutStopSec of systemd
_MASTER = ("$MAINPID", "${MAINPID}")
_MODES = ("control-group", "mixed", "process", "none")  # of KillMode=
_SHELL = ("/bin/sh", "-ec")


def time_span(unit: Unit, key: str) -> float:
    """Return the value of a deadline in seconds; infinity if there is none.

    key: TimeoutStartSec or TimeoutStopSec.
    """
    text = unit.last(key)
    if not text:
        return USUAL
    try:
        return seconds(text) or float("inf")
    except ValueError as exc:
        raise unit.refusal(f"{key}=: {exc}") from None


def signal_to_master(command: Command) -> str:
    """Return the signal, without "SIG", that a command sends to the master; "" if it does not.

    It is kill(1) with $MAINPID: "kill -HUP $MAINPID", "kill -s HUP $MAINPID".
    """
    *options, pid = command.args or ("",)
    if command.program.rpartition("/")[2] != "kill" or pid not in _MASTER:
        return ""
    if options[:1] in (["-s"], ["--signal"]):
        options = options[1:]
    if len(options) > 1:
        return ""
    name = options[0].lstrip("-") if options else "TERM"
    try:
        return signal_named(name).name[len("SIG") :]
    except ValueError:
        return ""


def reloading(unit: Unit, variables: Variables, daemon: str) -> dict[str, object]:
    """Return the fields ``reload`` and ``test`` that ExecReload= stands for."""
    if unit.last("Type") == "notify-reload":
        return {"reload": (unit.last("ReloadSignal") or "HUP").removeprefix("SIG")}
    found = commands(unit, "ExecReload")
    fields: dict[str, object] = {}
    signal = signal_to_master(found[-1]) if found else ""
    # What the daemon's own program does before the signal is a test.
    if signal and not found[2:] and all(_is_test(one, daemon) for one in found[:-1]):
        if found[:-1]:
            fields["test"] = variables.filled(found[0])
        return {**fields, "reload": signal}
    return {**fields, "reload": _one(unit, "ExecReload", found, variables)} if found else fields


def _is_test(command: Command, daemon: str) -> bool:
    """Tell whether a command counts as a test: it has to succeed, and does not know the master."""
    knows = any(name in word for word in command.args for name in _MASTER)
    return command.program == daemon and not command.may_fail and not knows


def stopping(unit: Unit, variables: Variables) -> dict[str, object]:
    """Return the fields ``stop``, ``stop_command`` and ``outlives``."""
    # systemd passes over a value that it does not know.
    mode = next((mode for mode in unit.words("KillMode")[::-1] if mode in _MODES), "")
    if mode == "none":
        raise unit.refusal("KillMode=none: what it leaves behind is nobody's")
    asked: list[Step] = []
    found = []
    for command in commands(unit, "ExecStop"):
        signal = signal_to_master(command)
        if signal == "STOP":
            unit.notes.append("ExecStop= by STOP is left out: KillSignal= ends the daemon")
        elif signal:
            asked += _steps(unit, f"{signal}/0")
        else:
            found.append(command)
    fields: dict[str, object] = {"stop": (*asked, *_killing(unit))}
    if found:
        # The first step is waited for after the command: systemd waits for nothing there.
        fields["stop"] = (*_steps(unit, "CONT/0"), *asked, *_killing(unit))
        fields["stop_command"] = _one(unit, "ExecStop", found, variables)
    if mode == "process":
        fields["outlives"] = True
    return fields


def _killing(unit: Unit) -> list[Step]:
    """Return the signals that systemd sends as soon as the commands of ExecStop= have ended."""
    signals = [(unit.last("KillSignal") or "TERM").removeprefix("SIG")]
    if is_true(unit.last("SendSIGHUP")):
        signals.append("HUP")
    within = time_span(unit, "TimeoutStopSec")
    shown = "forever" if within == float("inf") else f"{within:.6f}"
    steps = [f"{signal}/0" for signal in signals[:-1]] + [f"{signals[-1]}/{shown}"]
    if not is_false(unit.last("SendSIGKILL")):
        steps.append(f"{(unit.last('FinalKillSignal') or 'KILL').removeprefix('SIG')}/5")
    return list(_steps(unit, "/".join(steps)))


def _steps(unit: Unit, text: str) -> tuple[Step, ...]:
    try:
        return parse_schedule(text)
    except ValueError as exc:
        raise unit.refusal(str(exc)) from None


def _one(unit: Unit, key: str, found: list[Command], variables: Variables) -> tuple[str, ...]:
    """Return one command line for several, which run until one fails."""
    if any(one.as_root for one in found) and unit.last("User") not in ("", "root", "0"):
        raise unit.refusal(f"{key}= by root, of a daemon of another user")
    if len(found) == 1:
        return variables.filled(found[0], pid=True)
    lines = [(one, variables.filled(one, pid=True)) for one in found]
    if any("{" in word.replace("{pid}", "") for _, words in lines for word in words):
        raise unit.refusal(f"several {key}= with variables")
    script = [
        " ".join(map(shlex.quote, words)).replace("'{pid}'", "{pid}")
        + (" || true" if one.may_fail else "")
        for one, words in lines
    ]
    return (*_SHELL, "\n".join(script))
