"""How the value of a key is read. Each function raises ValueError with a sentence."""

from __future__ import annotations

from ..schedule import ENDLESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..host import Limits

# The letters of ulimit(1) that make sense for a daemon, and the bytes of one unit.
_LIMITS = {
    "c": ("RLIMIT_CORE", 512),
    "d": ("RLIMIT_DATA", 1024),
    "f": ("RLIMIT_FSIZE", 512),
    "l": ("RLIMIT_MEMLOCK", 1024),
    "n": ("RLIMIT_NOFILE", 1),
    "s": ("RLIMIT_STACK", 1024),
    "t": ("RLIMIT_CPU", 1),
    "u": ("RLIMIT_NPROC", 1),
    "v": ("RLIMIT_AS", 1024),
}
_UNLIMITED = -1  # RLIM_INFINITY of resource(3py)
_MOST = (1 << 63) - 1
_LONGEST = 1e9  # seconds


def words(text: str) -> tuple[str, ...]:
    """Read words as a shell splits them."""
    import shlex

    return tuple(shlex.split(text))


def path(text: str) -> str:
    """Read the absolute path of a file."""
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not an absolute path")
    if text.endswith("/"):
        raise ValueError(f"{text!r} is not the path of a file")
    return text


def number(text: str) -> float:
    """Read a number of seconds, or of anything."""
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        raise ValueError(f"{text!r} is not a number")
    if float(text) > _LONGEST:
        raise ValueError(f"it is more than {_LONGEST:g}")
    return float(text)


def positive(text: str) -> float:
    """Read a number that is more than 0."""
    if not (seconds := number(text)):
        raise ValueError(f"{text!r} is not more than 0")
    return seconds


def number_or_endless(text: str) -> float:
    """Read a number of seconds, or a word for no end."""
    return float("inf") if text in ENDLESS else number(text)


def either(*words: str) -> Callable[[str], str]:
    """Return a function that reads one of *words*."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is neither {' nor '.join(words)}")
        return text

    return read


def nice(text: str) -> int:
    """Read a nice level."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    proper = text.isascii() and digits.isdigit() and len(digits.lstrip("0")) <= len("20")
    if not proper or int(text) not in range(-20, 20):
        raise ValueError(f"{text!r} is not a nice level from -20 to 19")
    return int(text)


def limits(text: str) -> dict[str, Limits]:
    """Read the arguments of ulimit(1): ``-n 4096``, ``-Sn 1024 -c unlimited``."""
    left = list(words(text))
    found: dict[str, Limits] = {}
    while left:
        flag = left.pop(0)
        letter = flag.lstrip("-").strip("SH")
        if not flag.startswith("-") or letter not in _LIMITS or not left:
            raise ValueError(f"{text!r} is not like the arguments of ulimit: -n 4096")
        name, unit = _LIMITS[letter]
        value = left.pop(0)
        if value != "unlimited" and not (value.isascii() and value.isdigit()):
            raise ValueError(f"{value!r} is not a limit")
        if len(value.lstrip("0")) > len(f"{_MOST}") or (
            value != "unlimited" and int(value) * unit > _MOST
        ):
            raise ValueError(f"{value} is beyond every limit")
        limit = _UNLIMITED if value == "unlimited" else int(value) * unit
        soft, hard = found.get(name, (None, None))
        both = "S" not in flag and "H" not in flag
        found[name] = (
            limit if both or "S" in flag else soft,
            limit if both or "H" in flag else hard,
        )
        soft, hard = found[name]
        if soft is not None and hard not in (None, _UNLIMITED) and not 0 <= soft <= hard:
            raise ValueError(f"the soft limit of -{letter} is above the hard one")
    return found
