"""The parts of the host that are loaded only when they are needed, and where they stand."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Classes that describe programs, sockets and logs, and the modules that they stand in.
_CLASSES = {
    "AppendedFile": "logs",
    "BoundSocket": "network.sock_diag",
    "CannotCopy": "network.sockets",
    "Child": "programs.spawn",
    "Descriptors": "logs",
    "Holder": "network.holders",
    "Launched": "programs.launcher",
    "Listener": "network.sockets",
    "Pipe": "programs.pipes",
    "SocketAccess": "network.access",
    "Spot": "network.trials",
    "Surroundings": "programs.surroundings",
}
# The classes whose methods the host has, and their modules, in this order: the rarely used
# parts are found by the names of their methods, without being loaded.
_RARE = {
    "Access": ("network.access", ("socket_access", "user_id", "group_id", "name_of")),
    "Conditions": (
        "programs.surroundings",
        (
            "surroundings",
            "start_surroundings",
            "raise_descriptor_limit",
            "restore_descriptor_limit",
        ),
    ),
    "Holders": ("network.holders", ("holders",)),
    "Logs": ("logs", ("descriptors",)),
    "Pipes": ("programs.pipes", ("pipes_between", "relay")),
    "Trials": (
        "network.trials",
        ("why_not_bound", "resolve", "spot", "answers", "file_limits", "nr_open"),
    ),
}
_PARTS = {
    "Changes": "changes",
    "Programs": "programs.spawn",
    "Sockets": "network.sockets",
    "SockDiag": "network.sock_diag",
    "Launching": "programs.launcher",
    "Addresses": "network.addresses",
}


def method_of(host: object, name: str) -> Any:
    """Return a method of *host* from the part that has it. Raises AttributeError."""
    for part, (module, names) in _RARE.items():
        if name in names:
            return vars(_load(module, part))[name].__get__(host)
    for part in [_load(module, name) for name, module in _PARTS.items()]:
        if name in vars(part):
            return vars(part)[name].__get__(host)
    raise AttributeError(f"{type(host).__name__!r} object has no attribute {name!r}")


def class_of(name: str) -> Any:
    """Return a class that describes something of the host. Raises AttributeError."""
    if name not in _CLASSES:
        raise AttributeError(f"module {__package__!r} has no attribute {name!r}")
    return _load(_CLASSES[name], name)


def _load(module: str, name: str) -> Any:
    __import__(f"{__package__}.{module}")
    return getattr(sys.modules[f"{__package__}.{module}"], name)
