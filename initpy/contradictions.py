"""What a declaration cannot mean: it is refused when it is made, with one sentence.

Each of these was a fault that came to light at a start, or never.
"""

from __future__ import annotations

from .host.parts import source_of
from .signal_names import signal_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .service import Service

# Fields that hold several texts: one text would be taken for its letters.
_TUPLES = (
    *("config_flags", "start_args", "test", "stop_command", "options", "worker_titles"),
    *("listens", "logs", "environment_files", "upgrade_check", "capabilities"),
)
_COMMANDS = ("test", "reload", "stop_command", "ready", "upgrade_check")
_STEPS = ("start_pre", "start_post", "stop_post")
_SIGNALS = ("reload", "reopen", "drain_signal")
_ARGUMENTS = ("start_args", "test_args", "test", "reload", "stop_command")
_FOR_A_MASTER = ("reload", "stop_command", "start_post")  # they may hold {pid}
_FACTS = ("config", "pidfile", "pid")
_EVERY_BIT = 0o7777
_REEXEC = "initpy.protocols.reexec:reload"


def refuse_contradictions(service: Service, references: Mapping[str, str]) -> None:
    """Raise ValueError with the first sentence.

    references: what its fields name that hold "module:function" and are not ``shipped``.
    """
    for sentence in (*_kinds(service), *_paths(service), *_names(service), *_meanings(service)):
        raise ValueError(f"{service.name}: {sentence}")
    for field, reference in references.items():
        if not _names_function(reference):
            raise ValueError(f"{service.name}: {field} {reference!r} does not name a function")


_named: dict[str, bool] = {}  # the answers of _names_function, by reference


def _names_function(reference: str) -> bool:
    """Tell whether *reference*, "module:function", names an existing function.

    The source is read, not imported: an action calls only a few of these functions.
    """
    if reference not in _named:
        module, _, function = reference.partition(":")
        _named[reference] = (
            function.isidentifier() and f"\ndef {function}(" in f"\n{source_of(module)}"
        )
    return _named[reference]


def _kinds(service: Service) -> Iterator[str]:
    for field in _TUPLES:
        value = getattr(service, field)
        if isinstance(value, str):
            yield f"{field} {value!r} is one text, and has to be several: ({value!r},)"
    for field in ("stop", "force_quit", "drain_late"):
        if isinstance(getattr(service, field), str):
            yield f"{field} is a text: use parse_schedule({getattr(service, field)!r})"
    if isinstance(service.ready, str) and service.ready != "notify":
        yield f'ready {service.ready!r} is neither a command, as ("/bin/x", "-y"), nor "notify"'
    yield from _signals(service)
    yield from _modes(service)
    yield from _steps(service)


def _signals(service: Service) -> Iterator[str]:
    for field in _SIGNALS:
        value = getattr(service, field)
        if isinstance(value, str) and not _is_signal(value):
            yield f"{field} {value!r} is not a signal; a command is several texts: ({value!r},)"
    if service.reload == ():
        yield "reload is a command without a program"


def _modes(service: Service) -> Iterator[str]:
    for field, mode in {"umask": service.umask, **service.directories}.items():
        if not isinstance(mode, int) or not 0 <= mode <= _EVERY_BIT:
            yield f"{field}: {mode!r} is not a mode: 0o755"
    user, colon, group = service.user.partition(":")
    if service.user and (not user or (colon and not group) or len(service.user.split()) != 1):
        yield f"user {service.user!r} is neither NAME nor NAME:GROUP"


def _steps(service: Service) -> Iterator[str]:
    for field in _STEPS:
        for command in getattr(service, field):
            if isinstance(command, str) or not command:
                yield f'{field} {command!r} is not a command line: (("/bin/x", "-y"),)'
            elif not command[0].removeprefix("-").startswith("/"):
                yield f"the program of {field} {command[0]!r} is not an absolute path"
    if service.capabilities and not service.user:
        yield "capabilities without a user: root has all of them"


def _paths(service: Service) -> Iterator[str]:
    paths = [("directory", service.directory), *(("logs", one) for one in service.logs)]
    paths += [("directories", one) for one in service.directories]
    paths += [("environment_files", one.removeprefix("-")) for one in service.environment_files]
    paths += [("lockfile", service.lockfile)] if service.lockfile else []
    for field in _COMMANDS:
        command = getattr(service, field)
        if command and not isinstance(command, str) and "/" in command[0]:
            paths.append((f"the program of {field}", command[0]))
    for field, path in paths:
        if not path.startswith("/"):
            yield f"{field} {path!r} is not an absolute path"
    for place in service.listens:
        port = place.removesuffix(" (udp)").rpartition(":")[2]
        if place[:1] not in ("/", "@") and not (":" in place and port.isdecimal()):
            yield f'listens {place!r} is neither ADDRESS:PORT, as "*:80", nor a path'


def _command_lines(service: Service) -> Iterator[tuple[str, tuple[str, ...]]]:
    for field in _ARGUMENTS:
        args = getattr(service, field)
        if args and not isinstance(args, str):
            yield field, args
    for field in _STEPS:
        for command in getattr(service, field):
            yield field, () if isinstance(command, str) else command


def _names(service: Service) -> Iterator[str]:
    for key in service.words:
        if not key.isidentifier() or key in _FACTS:
            yield f"words {key!r} cannot be a key of a settings file"
    for field, args in _command_lines(service):
        facts = {"pid": "0"} if field in _FOR_A_MASTER else {}
        for arg in args:
            try:
                service.expanded([arg], **facts)
            except KeyError as exc:
                yield (
                    f"{field} {arg!r}: {{{exc.args[0]}}} is neither config nor pidfile, and "
                    "neither words nor environment has it"
                )
            except (ValueError, IndexError, AttributeError):
                yield f"{field} {arg!r}: a brace that is meant as one is doubled: {{{{ }}}}"
            if service.config is None and "{config}" in arg.replace("{{", "").replace("}}", ""):
                yield f"{field} {arg!r}, and there is no config"


def _meanings(service: Service) -> Iterator[str]:
    if service.test and service.test_args is not None:
        yield "test and test_args both test the configuration: one of them is too many"
    if service.reopen and not service.logs and service.read_configuration is None:
        yield f"reopen {service.reopen!r} without logs: whether it opens them anew cannot be seen"
    if service.outlives and service.upgrade and not service.reload_execs:
        yield "outlives and upgrade: an upgrade ends what the old master has started"
    if isinstance(service.reload, tuple) and service.reload_by == _REEXEC:
        yield "reload is a command, and reload_by sends a signal"


def _is_signal(name: str) -> bool:
    try:
        signal_named(name)
    except ValueError:
        return False
    return True
