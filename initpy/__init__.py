"""Init script actions that return 0 only when what they say was seen to happen.

The names below are the library; each is loaded when it is first used, so that
a wrapper pays for what it does and nothing else.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .configtesting import configtest
    from .errors import InitError
    from .host import Process
    from .killing import killproc
    from .lsb import ExitCode, StatusCode
    from .oldbin import wait_for_oldbin
    from .pidof import pidofproc
    from .reloading import reload
    from .reopening import reopen
    from .reporting import status
    from .service import Service
    from .starting import force_reload, restart, start, try_restart
    from .stopping import stop
    from .survey import master_of
    from .upgrading import upgrade

_HOME = {
    "ExitCode": "lsb",
    "InitError": "errors",
    "Process": "host",
    "Service": "service",
    "StatusCode": "lsb",
    "configtest": "configtesting",
    "force_reload": "starting",
    "killproc": "killing",
    "master_of": "survey",
    "pidofproc": "pidof",
    "reload": "reloading",
    "reopen": "reopening",
    "restart": "starting",
    "start": "starting",
    "status": "reporting",
    "stop": "stopping",
    "try_restart": "starting",
    "upgrade": "upgrading",
    "wait_for_oldbin": "oldbin",
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
