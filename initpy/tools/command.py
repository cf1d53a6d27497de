"""The command line of ``initpy``: argv in, exit code out."""

from __future__ import annotations

import argparse

from .. import __version__
from ..console import Console, standard_console
from ..errors import ExitCode, StatusCode, failure_of
from ..host import Host
from ..signal_names import signal_named
from .arguments import Parser
from .generating.commands import add_commands, check_name
from .installing.installation import uninstall
from .lsb_functions import run_killproc, run_pidofproc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_WHAT = "Init scripts whose actions return 0 only after their effect was observed."
_EXAMPLES = """\
a first look:
  initpy install nginx         write /etc/init.d/nginx; the one that is there is kept
  /etc/init.d/nginx restart    or reload, upgrade, status --json, ...: see its --help
  initpy status                what runs, a line for each such script
  initpy uninstall nginx       everything as it was before

initpy COMMAND --help has the options of a command; initpy(8) is the manual.
"""
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def main(argv: Sequence[str] | None = None, host: Host | None = None) -> int:
    """Run the command; return its exit code (LSB 20.2 and 20.8)."""
    import sys

    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    if not words:
        parser.print_help(sys.stderr)
        return ExitCode.USAGE
    parsed = parser.parse_args(_signal_last(words))
    host = host or Host()
    parsed.ours = argv is None  # this process: then its signals, too
    if parsed.ours:
        host.settle()
    console = standard_console(host, quiet=False)
    host.tell = lambda sentence: console.complain(f"initpy: {sentence}")
    try:
        code: int = parsed.run(parsed, console, host)
    except Exception as exc:  # noqa: BLE001 - the last handler: there is no traceback
        failure = failure_of(exc)
        if failure.output:
            console.complain(failure.output)
        console.complain(f"initpy: {failure}")
        looks = parsed.command in ("status", "pidofproc")
        return StatusCode.UNKNOWN if looks else failure.exit_code
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="initpy",
        allow_abbrev=False,
        description=_WHAT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"initpy {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_commands(commands)
    remove = commands.add_parser("uninstall", help="remove it; what was there before is given back")
    remove.add_argument("name", help="name of the script")
    remove.set_defaults(run=_uninstall)
    status = commands.add_parser("status", help="print the status of every service, a line each")
    status.add_argument("--json", action="store_true", help="print one JSON array")
    status.add_argument("--explain", action="store_true", help="print what was compared, too")
    status.set_defaults(run=_status)
    check = commands.add_parser("check", help="try every action of any init script, on a copy")
    check.add_argument("script", help="/etc/init.d/NAME, NAME, or a script anywhere else")
    for fact in ("daemon", "config", "pidfile"):
        check.add_argument(f"--{fact}", metavar="PATH", help=f"its {fact}, if that cannot be seen")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(run=_check)
    kill = commands.add_parser("killproc", help="end a program, or signal it (LSB 20.8)")
    kill.add_argument("-p", dest="pidfile", metavar="PIDFILE")
    kill.add_argument("-b", dest="binary", metavar="BINARY")
    kill.add_argument("-d", dest="delay", metavar="DELAY", type=_delay, help="5, 0.5s, 2m")
    kill.add_argument("program")
    kill.add_argument("--signal", dest="sig", metavar="-SIGNAL", type=_signal)
    kill.set_defaults(run=run_killproc)
    pidof = commands.add_parser("pidofproc", help="print the pids of a program (LSB 20.8)")
    pidof.add_argument("-p", dest="pidfile", metavar="PIDFILE")
    pidof.add_argument("program")
    pidof.set_defaults(run=run_pidofproc)
    return parser


def _signal_last(words: list[str]) -> list[str]:
    """Turn the last word of killproc, ``-USR2``, into an option: argparse would split it."""
    if (
        words[:1] == ["killproc"]
        and words[-1].startswith("-")
        and words[-1] not in ("-h", "--help")
    ):
        return [*words[:-1], "--signal", words[-1][1:]]
    return words


def _signal(text: str) -> object:
    try:
        return signal_named(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _delay(text: str) -> float:
    number = text.rstrip("smhd")
    digits = number.isascii() and number.replace(".", "", 1).isdigit()
    if not digits or text[len(number) :] not in _SECONDS or float(number) == float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: 5, 0.5s, 2m")
    return float(number) * _SECONDS[text[len(number) :]]


def _uninstall(parsed: argparse.Namespace, console: Console, host: Host) -> int:
    check_name(parsed.name)
    if parsed.ours:
        host.heed_signals()
    console.answer(uninstall(parsed.name, host))
    return ExitCode.OK


def _status(parsed: argparse.Namespace, console: Console, host: Host) -> int:
    """Print the status of every service; return the greatest of their exit codes."""
    from .overview import statuses

    found = statuses(host, *["--explain"] * parsed.explain)
    if parsed.json:
        import json

        console.answer(json.dumps(found))
    else:
        for one in found:
            console.answer(f"{one['name']}: {one['message']}")
            for sentence in one.get("evidence", ()):
                console.answer(f"    {sentence}")
    return max((one["code"] for one in found), default=0)


def _check(parsed: argparse.Namespace, _console: Console, host: Host) -> int:
    from .checker import become_checker

    given = {fact: getattr(parsed, fact) for fact in ("daemon", "config", "pidfile")}
    options = [f"--{fact}={path}" for fact, path in given.items() if path is not None]
    become_checker(parsed.script, [*options, *["--json"] * parsed.json], host)
