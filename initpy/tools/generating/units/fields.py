"""The keys of a unit that say how its daemon is started: systemd.exec(5)."""

from __future__ import annotations

from .commands import DIRECTORIES
from .syntax import is_true, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ....host import Host, Limits
    from .unit import Unit

_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_UNLIMITED = -1  # RLIM_INFINITY of resource(3py)
# The limits of setrlimit(2) that resource(3py) knows, and how their values are written.
_NUMBERS = ("NOFILE", "NPROC", "SIGPENDING", "RTPRIO")
_BYTES = ("FSIZE", "DATA", "STACK", "CORE", "RSS", "AS", "MEMLOCK", "MSGQUEUE")
_TIMES = {"CPU": 1.0, "RTTIME": 1e-6}  # the unit of each, in seconds


def user(unit: Unit) -> str:
    """Return the field ``user`` that User= and Group= stand for. Raises Untranslatable."""
    if is_true(unit.last("DynamicUser")):
        raise unit.refusal("DynamicUser=: its user exists only while systemd runs it")
    name, group = unit.last("User"), unit.last("Group")
    name = "" if name in ("root", "0") else name
    group = "" if group in ("root", "0") and not name else group
    return f"{name or 'root'}:{group}" if group else name


def capabilities(unit: Unit) -> tuple[str, ...]:
    """Return the field ``capabilities`` that AmbientCapabilities= stands for."""
    found: list[str] = []
    for value in unit.listed("AmbientCapabilities"):
        if value.startswith("~"):
            raise unit.refusal("AmbientCapabilities=: all but some")
        found += [name.upper() for name in value.split()]
    return tuple(dict.fromkeys(found))


def directories(unit: Unit) -> dict[str, int]:
    """Return the directories that are made before a start, with their modes, but for /etc."""
    found = {}
    for key, (folder, _) in DIRECTORIES.items():
        mode = unit.last(f"{key}Mode") or "755"
        names = unit.words(key)
        if not names:
            continue
        if not mode.isdigit() or set(mode) - set("01234567"):
            raise unit.refusal(f"{key}Mode={mode} is not a mode")
        for name in names:
            made, _, link = name.partition(":")
            if link:
                unit.notes.append(f"{key}=: the link {folder}/{link} is left out")
            found[f"{folder}/{made.rstrip('/')}"] = int(mode, 8)
    unit.last("RuntimeDirectoryPreserve")
    return found


def limits(unit: Unit) -> dict[str, Limits]:
    """Return the field ``limits``. What the kernel does not allow is lowered, and said."""
    found: dict[str, Limits] = {}
    for name in (*_NUMBERS, *_BYTES, *_TIMES):
        text = unit.last(f"Limit{name}")
        if not text:
            continue
        soft, _, hard = text.partition(":")
        found[f"RLIMIT_{name}"] = _limit(unit, name, soft), _limit(unit, name, hard or soft)
    for name, most in _most(unit.host).items():
        asked = found.get(name, (0, 0))
        if any(_is_beyond(one or 0, most) for one in asked):
            low, high = (most if _is_beyond(one or 0, most) else one or 0 for one in asked)
            key = name.replace("RLIMIT_", "Limit")
            unit.notes.append(f"{key}= is lowered to {low}:{high}, the most that this host allows")
            found[name] = (low, high)
    return found


def _most(host: Host) -> dict[str, int]:
    """Return the highest limits that a start may set, by their names; others have no end."""
    most = host.nr_open()
    hard = {name: both[1] for name, both in host.start_surroundings().limits.items()}
    may_raise = host.file_limits()[1] >= most  # CAP_SYS_RESOURCE, or there is nothing to raise
    return {"RLIMIT_NOFILE": most} if may_raise else {"RLIMIT_NOFILE": most, **hard}


def _is_beyond(limit: int, most: int) -> bool:
    return most != _UNLIMITED and (limit == _UNLIMITED or limit > most)


def _limit(unit: Unit, name: str, text: str) -> int:
    if text == "infinity":
        return _UNLIMITED
    try:
        if name in _TIMES:
            plain = text.isdigit()  # in the unit of the limit: microseconds
            return int(text) if plain else round(seconds(text) / _TIMES[name])
        suffix = text[-1:] if name in _BYTES and not text[-1:].isdigit() else ""
        return int(text[: len(text) - len(suffix)]) * _UNITS[suffix.upper()]
    except (ValueError, KeyError):
        raise unit.refusal(f"Limit{name}={text} is not a limit") from None


def surroundings(unit: Unit) -> dict[str, object]:
    """Return the fields ``directory``, ``umask`` and ``nice``, where they are not the usual."""
    found: dict[str, object] = {}
    for key in ("RootDirectory", "RootImage"):
        if unit.last(key):
            raise unit.refusal(f"{key}=: its root is not that of this host")
    directory = unit.last("WorkingDirectory")
    if directory.startswith(("-", "~")):
        raise unit.refusal(f"WorkingDirectory={directory} is not an absolute path")
    if directory:
        found["directory"] = directory
    try:
        if umask := unit.last("UMask"):
            found["umask"] = int(umask, 8)
        if nice := unit.last("Nice"):
            found["nice"] = int(nice)
    except ValueError as exc:
        raise unit.refusal(f"UMask= or Nice=: {exc}") from None
    return found
