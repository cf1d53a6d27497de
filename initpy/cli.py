"""The command line of a wrapper: argv in, exit code out. The one place that prints."""

from __future__ import annotations

import sys

from .console import Console, Sentences, escaped, standard_console
from .errors import ExitCode, StatusCode, UsageError, failure_of
from .host import Host
from .service import Service
from .settings import read_settings, with_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

# For each action its module, its function and its headline. A module is imported when
# its action runs: status must not load upgrade.
ACTIONS = {
    "start": ("actions.start", "start", "Starting"),
    "stop": ("actions.stop", "stop", "Stopping"),
    "force-quit": ("actions.stop", "force_quit", "Stopping"),
    "restart": ("actions.restart", "restart", "Restarting"),
    "try-restart": ("actions.restart", "try_restart", "Restarting"),
    "condrestart": ("actions.restart", "try_restart", "Restarting"),
    "reload": ("actions.reload", "reload", "Reloading"),
    "force-reload": ("actions.reload", "force_reload", "Reloading"),
    "upgrade": ("actions.upgrade", "upgrade", "Upgrading"),
    "configtest": ("actions.configtest", "check_configuration", "Testing configuration of"),
    "testconfig": ("actions.configtest", "check_configuration", "Testing configuration of"),
    "reopen": ("actions.reopen", "reopen", "Reopening logs of"),
    "rotate": ("actions.reopen", "reopen", "Reopening logs of"),
    "reopen-logs": ("actions.reopen", "reopen", "Reopening logs of"),
}
VERBS = (*ACTIONS, "status")
_FLAGS = ("--quiet", "--json", "--explain")


class Arguments:
    """The command line of a wrapper. Raises UsageError."""

    def __init__(self, argv: Sequence[str]) -> None:
        """Read the action and the options, in any order."""
        self.action = ""
        self.quiet = self.json = self.explain = False
        self.timeout: float | None = None
        words = list(argv)
        while words:
            word = words.pop(0)
            if word in _FLAGS:
                setattr(self, word[2:], True)
            elif word == "--timeout" and words:
                self.timeout = _seconds(words.pop(0))
            elif word.startswith("--timeout="):
                self.timeout = _seconds(word.partition("=")[2])
            elif word.startswith("-"):
                raise UsageError(f"unknown option, or one without its value: {word}")
            elif self.action:
                raise UsageError(f"excess argument: {word}")
            elif word not in VERBS:
                raise UsageError(f"unknown action: {word}")
            else:
                self.action = word
        if not self.action:
            raise UsageError("no action")


def _seconds(text: str) -> float:
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        raise UsageError(f"--timeout takes seconds, not {text!r}")
    return float(text)


def run(
    service: Service, host: Host | None = None, *, python: str = "", conffile: bool = False
) -> NoReturn:
    """Do the action on the command line of a wrapper of *service*; exit with its code.

    python:   the Python version, "3.11", that the folders in the wrapper belong to. With
              another version a warning is printed. "" if they serve any version.
    conffile: the wrapper belongs to a Debian package. dpkg leaves it behind if the daemon
              is removed and not purged; then it does nothing and prints nothing (Debian
              Policy 9.3.2).

    Installed wrappers of earlier versions call this: see ``tools/init_script.py``.
    """
    host = host or Host()
    running = "{}.{}".format(*sys.version_info)
    if python and python != running:
        standard_console(host, quiet=False).complain(
            f"{service.name}: this script was generated for Python {python}, "
            f"and is run by Python {running}: generate it again"
        )
    if conffile and _daemon_removed(service, host):
        host.leave(ExitCode.OK)
    host.leave(main(service, host=host))


def _daemon_removed(service: Service, host: Host) -> bool:
    """Tell whether the action needs the daemon's executable, and that does not exist.

    A daemon that still runs can be stopped, and its status read, without the executable.
    """
    if {"stop", "force-quit", "status"}.intersection(sys.argv[1:]):
        return False
    settings = read_settings(service, host)
    return not host.is_executable((settings.service if settings else service).daemon)


def main(service: Service, argv: Sequence[str] | None = None, host: Host | None = None) -> int:
    """Do one action of a wrapper; return its exit code (LSB 20.2).

    argv: the arguments after the program's name; None means those of this process, which
          is then a wrapper: it hands over to systemctl where systemd runs, and handles
          signals.
    """
    host = host or Host()
    try:
        arguments = Arguments(sys.argv[1:] if argv is None else argv)
    except UsageError as exc:
        console = standard_console(host, quiet=False)
        console.complain(f"{service.name}: {exc}")
        from .usage import usage

        console.complain(usage(f"/etc/init.d/{service.name}", VERBS, service))
        return exc.exit_code
    console = standard_console(host, quiet=arguments.quiet or arguments.json)
    host.tell = Sentences(service.name, console)
    if arguments.explain:
        host.explain = Sentences(service.name, console, silent=arguments.json)
    if argv is None and (code := _redirected(service, arguments, console, host)) is not None:
        return code
    if arguments.action == "status":
        return _status(service, arguments, console, host)
    if argv is not None:  # called from another program, which handles its own signals
        return _act(service, arguments, console, host)
    import gc

    gc.enable()  # a wrapper disables it
    gc.set_threshold(50_000)  # by default 20 collections, for an action that makes no garbage
    host.settle()
    host.heed_signals()
    try:
        return _act(service, arguments, console, host)
    finally:
        host.ignore_signals()
        if host.exists("/run/openrc/started"):
            from .openrc import tell_openrc

            tell_openrc(service, sys.argv[0], host)


def _redirected(service: Service, arguments: Arguments, console: Console, host: Host) -> int | None:
    """Let systemctl do the action. Return its exit code; None if the action is to be done here."""
    ours = arguments.action == "status" and (arguments.quiet or arguments.json)
    if ours or not host.exists("/run/systemd/system"):  # systemctl has no such output; sd_booted(3)
        return None
    try:
        from .systemctl import redirect

        ended = redirect(service, sys.argv[0], arguments.action, host, stay=arguments.json)
        if ended is None:
            return None
    except Exception as exc:  # noqa: BLE001 - as in _act
        return _failed(exc, service, arguments, console, host)
    if arguments.json:
        console.answer_json(_done(service, arguments, ended.code, ended.output), host.explain)
    return ended.code


def _act(service: Service, arguments: Arguments, console: Console, host: Host) -> int:
    module, function, headline = ACTIONS[arguments.action]
    host.progress, host.cut, log = console.progress, 0, host.syslog  # loaded now, not too late
    console.begin(f"{headline} {service.name}: ")
    code, message = ExitCode.OK, ""
    try:
        if arguments.json:  # now, before anything is done
            import json  # noqa: F401
        service = _as_set(service, arguments, host)
        __import__(f"{__package__}.{module}")  # importlib would load warnings, types, ...
        getattr(sys.modules[f"{__package__}.{module}"], function)(service, host)
    except Exception as exc:  # noqa: BLE001 - the last handler: there is no traceback
        code, message = _failure(exc, arguments, console)
    console.end(ok=code == ExitCode.OK)
    if message:
        console.complain(f"{service.name}: {message}")
    if host.cut and not message:  # it was told when it was done
        message = f"requests were cut: old workers that had not finished in time: {host.cut}"
    line = escaped(f"{arguments.action}: {message or 'done'} (exit {code})")
    log(service.name, line.replace("\n", " "))
    if arguments.json:
        answer = {**_done(service, arguments, code, message), "cut": host.cut}
        console.answer_json(answer, host.explain)
    if code in _NO_FAILURES and arguments.action in _BY_UNITS and host.run_by_systemd():
        return ExitCode.GENERIC
    return code


def _failure(exc: Exception, arguments: Arguments, console: Console) -> tuple[int, str]:
    """Return the exit code and the sentence of whatever was raised; write the daemon's output."""
    failure = failure_of(exc)
    if failure.output:
        console.complain(failure.output)
    code = StatusCode.UNKNOWN if arguments.action == "status" else failure.exit_code
    return code, str(failure)


def _failed(exc: Exception, service: Service, how: Arguments, console: Console, host: Host) -> int:
    code, message = _failure(exc, how, console)
    console.complain(f"{service.name}: {message}")
    if how.json:
        console.answer_json(_done(service, how, code, message), host.explain)
    return code


# systemd's generator writes SuccessExitStatus=5 6 into its units, for every command, so a
# start or reload that failed with 5 or 6 would be a success. Run by systemd they are 1.
_BY_UNITS = ("start", "reload")
_NO_FAILURES = (ExitCode.NOT_INSTALLED, ExitCode.NOT_CONFIGURED)


def _as_set(service: Service, arguments: Arguments, host: Host) -> Service:
    service = with_settings(service, host, action=arguments.action)
    if arguments.timeout is None:
        return service
    return service.replace(timeout=arguments.timeout, upgrade_timeout=arguments.timeout)


def _status(service: Service, arguments: Arguments, console: Console, host: Host) -> int:
    try:
        from .actions.status import status

        told = status(_as_set(service, arguments, host), host)
        answer = told.as_dict(host) if arguments.json else {}
    except Exception as exc:  # noqa: BLE001 - as in _act
        return _failed(exc, service, arguments, console, host)
    if arguments.json:
        console.answer_json(answer, host.explain)
    elif not arguments.quiet:
        for line in (told.sentence, *told.notes):
            console.answer(f"{service.name}: {line}")
    return told.code


def _done(service: Service, arguments: Arguments, code: int, message: str) -> dict[str, object]:
    return {"name": service.name, "action": arguments.action, "code": code, "message": message}
