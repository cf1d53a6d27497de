"""The commands ``generate`` and ``install``: a wrapper, or a unit, of what was asked for."""

from __future__ import annotations

import os.path
from argparse import ArgumentTypeError

from ...errors import ExitCode, InitError, UsageError
from ...systemctl import DIRECTORY
from ..declarations import declarations
from ..detect import FACTS, choose, detect_service
from ..init_script import render, with_header
from ..installing.installation import install, install_unit
from ..register import trusted_python
from ..systemd import is_run_by_systemd
from ..systemd_unit import render_unit
from .files import declared_in
from .units.translation import translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

    from ...console import Console
    from ...host import Host
    from ...service import Service

FORMATS = ("sysv", "systemd")


def add_commands(commands: Any) -> None:
    """Add both to the parser."""
    known = declarations()
    for name, text in (
        ("generate", "print an /etc/init.d script, or a unit"),
        ("install", "write /etc/init.d/NAME and register it"),
    ):
        command = commands.add_parser(name, help=text, allow_abbrev=False)
        command.add_argument(
            "service",
            nargs="?",
            type=_named,
            metavar=f"{{{','.join(known)}}}",
            help="or FILE.py, which holds a declaration: docs/adding-a-daemon",
        )
        command.add_argument("one", nargs="?", metavar="NAME", help="one of those that FILE.py has")
        command.add_argument(
            "--from-unit", metavar="UNIT", help="translate a unit of systemd: its FILE, or its NAME"
        )
        command.add_argument("--name", help="name of the script; each instance needs its own")
        command.add_argument("--version", default="", help="one of several: 8.2 is php8.2-fpm")
        command.add_argument("--daemon", metavar="PATH", help="the executable")
        command.add_argument("--config", metavar="PATH", help="its configuration")
        command.add_argument("--pidfile", metavar="PATH", help="its pidfile")
        command.add_argument("--prefix", metavar="PATH", help="where relative paths start from")
        command.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="default: sysv")
        if name == "generate":
            command.add_argument("-o", dest="output", metavar="FILE", help="default: stdout")
        command.set_defaults(run=_generate if name == "generate" else _install)


def _named(text: str) -> str:
    known = declarations()
    if text not in known and not text.endswith(".py"):
        raise ArgumentTypeError(f"{text!r} is neither {' nor '.join(known)} nor a FILE.py")
    return text


def generate(
    services: Sequence[Service],
    parsed: argparse.Namespace,
    console: Console,
    host: Host,
    declared: Service | None = None,
) -> int:
    """Print the wrapper of the last of *services*, or its unit; return the exit code.

    declared: what ``initpy.daemons`` has of it; None if it is a declaration of somebody else.
    """
    service = services[-1] if declared else with_header(services[-1])
    if parsed.format == "systemd":
        wrapper = f"{DIRECTORY}/{service.name}"
        text, mode = render_unit(service, wrapper), 0o644
        if not host.exists(wrapper):
            host.tell(f"the unit calls {wrapper}, which does not exist yet: use initpy install")
    else:
        text, mode = _wrapper(service, declared, host), 0o755
    if parsed.output is not None:
        path = _absolute(parsed.output)
        _shield(parsed, host)
        host.write(path, text, mode)
    elif not console.answer(text.rstrip("\n")):
        raise InitError("standard output cannot be written: use -o FILE")
    return ExitCode.OK


def install_all(
    services: Sequence[Service],
    parsed: argparse.Namespace,
    console: Console,
    host: Host,
    declared: Service | None = None,
) -> int:
    """Install the wrapper of each of *services*, and its unit if that is asked for."""
    if not declared:
        services = [with_header(service) for service in services]
    wrappers = [(service, _wrapper(service, declared, host)) for service in services]
    _shield(parsed, host)
    for service, wrapper in wrappers:
        if parsed.format == "systemd":
            unit = render_unit(service, f"{DIRECTORY}/{service.name}")
            console.answer(install_unit(service, wrapper, unit, host))
        else:
            console.answer(install(service, wrapper, host))
    return ExitCode.OK


def check_name(name: str) -> None:
    """Raise UsageError for what cannot name a script."""
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise UsageError(f"{name!r} cannot name a script: use letters, digits, - _ . only")


def _generate(parsed: argparse.Namespace, console: Console, host: Host) -> int:
    declared, services = _meant(parsed, host)
    *others, service = services
    if others and not declared:
        named = ", ".join(one.name for one in services)
        raise UsageError(f"{parsed.service} declares {named}: name one of them")
    if others:
        named = ", ".join(other.name for other in others)
        host.tell(f"this is {service.name}; there is also {named}: use --version")
    return generate(services, parsed, console, host, declared)


def _install(parsed: argparse.Namespace, console: Console, host: Host) -> int:
    declared, services = _meant(parsed, host)
    return install_all(services, parsed, console, host, declared)


def _meant(parsed: argparse.Namespace, host: Host) -> tuple[Service | None, list[Service]]:
    """Return the declaration of ``initpy.daemons``, None for another, and what is meant."""
    given = {fact: value for fact in FACTS if (value := getattr(parsed, fact)) is not None}
    for fact in ("daemon", "config", "pidfile"):
        if fact in given:
            given[fact] = _absolute(given[fact])
    if parsed.from_unit is not None:
        return None, [_translated(parsed, given, host)]
    if parsed.service is None:
        raise UsageError("name a daemon, a FILE.py, or a unit by --from-unit")
    if parsed.service.endswith(".py"):
        return None, _declared(parsed, given, host)
    if parsed.one:
        raise UsageError(f"excess argument: {parsed.one} (a name follows a FILE.py only)")
    declared = declarations()[parsed.service]
    check_name(given.get("name", declared.name))
    prefix = _absolute(parsed.prefix) if parsed.prefix else ""
    chosen = choose(declared, given, parsed.version, host)
    return declared, [detect_service(service, given, host, prefix=prefix) for service in chosen]


def _declared(parsed: argparse.Namespace, given: dict[str, str], host: Host) -> list[Service]:
    """Return the services that a file declares, or the one that is named."""
    if parsed.version or parsed.prefix:
        raise UsageError("--version and --prefix are for the daemons that initpy knows")
    services = declared_in(_absolute(parsed.service), host)
    if parsed.one:
        names = ", ".join(service.name for service in services)
        services = [service for service in services if service.name == parsed.one]
        if not services:
            raise UsageError(f"{parsed.service} declares {names}, not {parsed.one}")
    if given:
        if len(services) > 1:
            raise UsageError(f"{parsed.service} declares several services: name one of them")
        try:
            services = [services[0].replace(**given)]
        except ValueError as exc:
            raise InitError(str(exc)) from None
    for service in services:
        check_name(service.name)
    return services


def _translated(parsed: argparse.Namespace, given: dict[str, str], host: Host) -> Service:
    """Return the service that a unit of systemd stands for; what is left out of it is told."""
    if parsed.service or parsed.version or parsed.prefix or given.keys() - {"name", "pidfile"}:
        raise UsageError("--from-unit goes with --name, --pidfile, --format and -o only")
    if parsed.command == "install" and is_run_by_systemd(host):
        # It would run the script as the user of the unit, and in its sandbox.
        raise InitError(f"systemd runs this host, and the unit {parsed.from_unit}: use that")
    service, notes = translate(parsed.from_unit, host, **given)
    check_name(service.name)
    for note in notes:
        host.tell(f"{service.name}: {note}")
    return service


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        why = "the working directory was removed, so give an absolute path"
        raise InitError(f"{path!r} leads nowhere: {why}") from None


def _shield(parsed: argparse.Namespace, host: Host) -> None:
    """Let no signal leave half done from now on what is written and registered."""
    if parsed.ours:
        host.heed_signals()


def _wrapper(service: Service, declared: Service | None, host: Host) -> str:
    interpreter, folders = trusted_python(host)
    return render(service, declared, interpreter=interpreter, folders=folders)
