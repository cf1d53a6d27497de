"""Find the declarations that a Python file of somebody else holds."""

from __future__ import annotations

from ... import cli
from ...errors import InitError, UsageError
from ...host import Host
from ...service import Service
from ..declarations import declarations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_MOST = 1 << 20  # bytes of such a file


def declared_in(path: str, host: Host) -> list[Service]:
    """Return the services that a Python file declares, each under a name in capital letters.

    The file is executed. Raises UsageError if there is none, or none in it; InitError, which
    names the line, if it fails, or if another user than root and us could have written it.
    """
    facts = host.examine(host.realpath(path), _MOST)
    if facts is None:
        raise UsageError(f"{path} does not exist")
    if not facts.regular or facts.size > _MOST:
        raise UsageError(f"{path} is not a file of Python")
    if reason := host.distrust_file(facts) or host.distrust(host.realpath(path)):
        raise InitError(f"{path} is not executed: {reason}")
    names: dict[str, object] = {"__name__": "declaration", "__file__": path}
    acts, cli.run = cli.run, _refuse_to_act
    try:
        exec(compile(facts.text, path, "exec"), names)  # noqa: S102 - it is root's, or ours
    except (Exception, SystemExit) as exc:  # noqa: BLE001 - it is not code of ours
        raise InitError(f"{path}, line {_line_of(exc, path)}: {_said(exc)}") from None
    finally:
        cli.run = acts
    known = declarations().values()  # what it imports of these is not its own
    found = [
        one
        for name, one in names.items()
        if name.isupper() and isinstance(one, Service) and not any(one is other for other in known)
    ]
    if not found:
        raise UsageError(f"{path} declares no service: NAME = Service(...), in capital letters")
    services = {service.name: service for service in found}
    if len(services) != len(found):
        raise InitError(f"{path} declares two services of one name")
    return list(services.values())


def _refuse_to_act(*_service: object, **_options: object) -> NoReturn:
    """Stand in the place of ``initpy.cli.run``, which would do what our command line says."""
    raise InitError("it is a script that acts: call run() only if __name__ is '__main__'")


def _line_of(exc: BaseException, path: str) -> int:
    """Return the last line of a file that was executed before it failed."""
    line = exc.lineno or 0 if isinstance(exc, SyntaxError) else 0
    step = exc.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    return line


def _said(exc: BaseException) -> str:
    if isinstance(exc, SystemExit):
        return "it ends there"
    kind = "" if isinstance(exc, (ValueError, InitError)) else f"{type(exc).__name__}: "
    return f"{kind}{exc}"
