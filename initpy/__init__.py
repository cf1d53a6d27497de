"""Verified init script actions: an action returns 0 only after its effect was observed.

The names below are the library. Each one is loaded when it is first used, so that a
wrapper imports only the modules that its action needs.
"""

import sys

__version__ = "0.1.0"  # the only place: setup.cfg reads it, and a test compares the packages

OLDEST = (3, 9)  # setup.cfg and debian/control have it, too

# What stands here is read by older versions, too. The other modules are not.
if sys.version_info < OLDEST:
    problem = "initpy needs Python {}.{} or later, and this is Python {}.{}".format(
        *OLDEST, *sys.version_info
    )
    if sys.argv[0].rpartition("/")[2] in ("initpy", "-m"):  # its command
        sys.exit(problem)
    raise ImportError(problem)

TYPE_CHECKING = False
if TYPE_CHECKING:  # The one list of public names: a type checker imports it, _homes() reads it.
    from .actions.reload import force_reload as force_reload
    from .actions.reload import reload as reload
    from .actions.reopen import reopen as reopen
    from .actions.restart import restart as restart
    from .actions.restart import try_restart as try_restart
    from .actions.start import start as start
    from .actions.status import status as status
    from .actions.stop import stop as stop
    from .actions.upgrade import upgrade as upgrade
    from .control.configtest import configtest as configtest
    from .control.signals import killproc as killproc
    from .errors import ExitCode as ExitCode
    from .errors import InitError as InitError
    from .errors import StatusCode as StatusCode
    from .host import Process as Process
    from .protocols.upgrading.awaiting import wait_for_oldbin as wait_for_oldbin
    from .service import Service as Service
    from .state.programs.pidof import pidofproc as pidofproc
    from .state.snapshot import master_of as master_of


def _homes() -> dict[str, str]:
    """Return the module of every public name, as the imports above say."""
    from .host.parts import source_of

    lines = (line.split() for line in source_of(__name__).splitlines())
    return {words[5]: words[1] for words in lines if words[:1] == ["from"] and words[4:5] == ["as"]}


def __getattr__(name: str) -> object:
    """Load a public name from its module (PEP 562)."""
    homes = _homes()
    if name == "__all__":
        return sorted(homes)
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(homes[name], __name__), name)
