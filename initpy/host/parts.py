"""The parts of the host that are loaded only when they are needed, and where they stand."""

from __future__ import annotations

import sys

from ..errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Classes that describe programs, sockets and logs, and the modules that they stand in.
_CLASSES = {
    "Account": "programs.users",
    "AppendedFile": "filesystem.logs",
    "BoundSocket": "network.sock_diag",
    "CannotCopy": "network.sockets",
    "Child": "programs.spawn",
    "Descriptors": "filesystem.logs",
    "Holder": "network.holders",
    "Launched": "programs.launcher",
    "Listener": "network.sockets",
    "NamelessFile": "filesystem.logs",
    "NoticeSocket": "network.notices",
    "Pipe": "programs.pipes",
    "SocketAccess": "network.access",
    "Spot": "network.trials",
    "Surroundings": "programs.surroundings",
}
# The classes whose methods the host has, and their modules: a part is found by the names of
# its methods, and loaded when one of them is first called.
_PARTS = {
    "Access": ("network.access", ("socket_access", "user_id", "group_id", "name_of")),
    "Accounts": ("programs.users", ("account",)),
    "Addresses": ("network.addresses", ("place", "addresses_of")),
    "Changes": (
        "filesystem.changes",
        (
            *("remove", "remove_socket", "remove_empty", "rename", "make_link", "link_target"),
            *("write", "make_directory"),
            *("mark_started", "mark_stopped", "lock", "sign_lock", "unlock"),
        ),
    ),
    "Conditions": (
        "programs.surroundings",
        (
            "surroundings",
            "start_surroundings",
            "raise_descriptor_limit",
            "restore_descriptor_limit",
        ),
    ),
    "Holders": ("network.holders", ("holders", "socket_holders")),
    "Launching": ("programs.launcher", ("launch",)),
    "Logs": ("filesystem.logs", ("descriptors", "nameless_files", "size", "read_from")),
    "Owners": ("filesystem.owners", ("owner", "distrust_but", "distrust_for_root")),
    "Notifications": ("network.notices", ("notice_socket",)),
    "Directories": ("filesystem.directories", ("own_directory", "inodes_beside", "glob")),
    "Pipes": ("programs.pipes", ("pipes_between", "relay")),
    "Programs": ("programs.spawn", ("spawn", "memory_file")),
    "Rooted": ("filesystem.rooted", ("file_seen_by",)),
    "Signalling": (
        "signalling",
        ("kill", "require_permission", "why_unsafe", "blocked_by_threads"),
    ),
    "SockDiag": ("network.sock_diag", ("listening_sockets", "most_backlog", "unix_sockets")),
    "Sockets": (
        "network.sockets",
        ("socket_inodes", "watched_sockets", "copy_listeners", "listening_places", "close"),
    ),
    "SystemLog": ("system_log", ("syslog",)),
    "Unused": ("programs.unused", ("unused_version",)),
    "Trials": (
        "network.trials",
        ("why_not_bound", "resolve", "spot", "answers", "file_limits", "nr_open"),
    ),
}
_WHERE = {name: (module, part) for part, (module, names) in _PARTS.items() for name in names}


def method_of(host: object, name: str) -> Any:
    """Return a method of *host* from the part that has it. Raises AttributeError."""
    if name not in _WHERE:
        raise AttributeError(f"{type(host).__name__!r} object has no attribute {name!r}")
    return vars(_load(*_WHERE[name]))[name].__get__(host)


def class_of(name: str) -> Any:
    """Return a class that describes something of the host. Raises AttributeError."""
    if name not in _CLASSES:
        raise AttributeError(f"module {__package__!r} has no attribute {name!r}")
    return _load(_CLASSES[name], name)


def _load(module: str, name: str) -> Any:
    try:
        __import__(f"{__package__}.{module}")
    except (OSError, MemoryError) as exc:
        raise HostError(f"{__package__}.{module} cannot be loaded", exc) from exc
    return getattr(sys.modules[f"{__package__}.{module}"], name)


def source_of(module: str) -> str:
    """Return the source of a Python module, or "" if it does not exist.

    It is searched where ``import`` would search, and it is not executed.
    """
    loaded = getattr(sys.modules.get(module), "__file__", None)
    path = module.replace(".", "/")
    folders = [__file__.rpartition("/initpy/")[0], *sys.path]
    candidates = [f"{folder}/{path}{end}" for folder in folders for end in (".py", "/__init__.py")]
    for candidate in [loaded] if loaded else candidates:
        try:
            with open(candidate, "rb") as file:
                return file.read().decode(errors="replace")
        except OSError:
            continue
    return ""
