"""Init script actions that return 0 only when what they say was seen to happen.

The names below are the library; each is loaded when it is first used, so that
a wrapper pays for what it does and nothing else.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .actions.reload import force_reload, reload
    from .actions.reopen import reopen
    from .actions.restart import restart, try_restart
    from .actions.start import start
    from .actions.stop import stop
    from .actions.upgrade import upgrade
    from .control.configtest import configtest
    from .control.signals import killproc
    from .errors import ExitCode, InitError, StatusCode
    from .host import Process
    from .protocols.oldbin import wait_for_oldbin
    from .service import Service
    from .state.pidof import pidofproc
    from .state.snapshot import master_of
    from .state.status import status

_HOME = {
    "ExitCode": "errors",
    "InitError": "errors",
    "Process": "host",
    "Service": "service",
    "StatusCode": "errors",
    "configtest": "control.configtest",
    "force_reload": "actions.reload",
    "killproc": "control.signals",
    "master_of": "state.snapshot",
    "pidofproc": "state.pidof",
    "reload": "actions.reload",
    "reopen": "actions.reopen",
    "restart": "actions.restart",
    "start": "actions.start",
    "status": "state.status",
    "stop": "actions.stop",
    "try_restart": "actions.restart",
    "upgrade": "actions.upgrade",
    "wait_for_oldbin": "protocols.oldbin",
}

__all__ = [
    "ExitCode",
    "InitError",
    "Process",
    "Service",
    "StatusCode",
    "configtest",
    "force_reload",
    "killproc",
    "master_of",
    "pidofproc",
    "reload",
    "reopen",
    "restart",
    "start",
    "status",
    "stop",
    "try_restart",
    "upgrade",
    "wait_for_oldbin",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
