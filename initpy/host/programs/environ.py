"""The environment of a process, read where the process itself keeps it: environ(7).

A daemon that writes a title over its arguments may overwrite the environment that stands
behind them, too, and /proc/PID/environ shows what is left there. The daemon has copied
its environment before, and the variable ``environ`` leads to the copy:

    /proc/PID/maps -> ELF header -> dynamic symbols -> environ -> pointers -> NAME=VALUE

All of this stands in the memory of the process: elf(5). Whatever is read may be nonsense,
because the process may run meanwhile. So each step checks it, and each size has a bound.
"""

# php-fpm does so: fpm_env_init_main, fpm_env_setproctitle.

from __future__ import annotations

import os
import struct

from ..procfs import lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Read = Callable[[int, int], bytes]  # address and size; short where the memory ends

_NAMES = (b"environ\0", b"__environ\0")
_CLASS_64 = 2
_LOAD, _DYNAMIC = 1, 2  # p_type
_STRINGS, _SYMBOLS, _STRINGS_SIZE = 5, 6, 10  # d_tag
_OBJECT = 1  # the type of a symbol: a variable
_MOST_HEADERS = 64
_MOST_DYNAMIC = 1 << 14  # bytes
_MOST_TABLE = 1 << 24  # bytes of a table of symbols, or of their names
_MOST_VARIABLES = 1 << 14
_MOST_STRING = 1 << 17  # bytes, NAME= and NUL included: MAX_ARG_STRLEN, see execve(2)
_MOST_BYTES = 1 << 22  # of all variables together
_PAGE = 4096


class NotBelievable(ValueError):
    """What was read is not what it should be."""


def parse_environ(text: bytes) -> dict[str, str] | None:
    r"""Return the variables of /proc/PID/environ; None if something else is written over them.

    None as well if it is empty: so it is inside execve(2), whatever the environment.

    >>> parse_environ(b"LANG=C\0A=\0")
    {'LANG': 'C', 'A': ''}
    """
    if not text:
        return None
    *strings, rest = text.split(b"\0")
    try:
        return None if rest else _variables(strings)
    except NotBelievable:
        return None


def environment_in_memory(read: Read, modules: Iterable[int]) -> dict[str, str] | None:
    """Return the variables to which ``environ`` leads; None if they cannot be found.

    modules: the addresses of the ELF headers of the program and of its libraries. The
             program comes first: where it has a copy of the variable, the copy counts.
    """
    for base in modules:
        try:
            module = _Module(read, base)
            if place := module.variable(_NAMES):
                return _variables(module.strings(place))
        except NotBelievable:
            continue
    return None


def parse_modules(maps: str, program: str) -> list[int]:
    """Return by /proc/PID/maps where the program and its libraries begin, the program first.

    program: the link text of /proc/PID/exe.
    """
    starts: dict[str, int] = {}
    for line in lines_of(maps):
        span, _, offset, _, inode, *path = line.split(maxsplit=5)
        if int(offset, 16) == 0 and inode != "0" and path:
            starts.setdefault(path[0], int(span.partition("-")[0], 16))
    return sorted(starts.values(), key=lambda start: start != starts.get(program))


class _Module:
    """A program or library in the memory of a process."""

    def __init__(self, read: Read, base: int) -> None:
        """Read its ELF header and its program headers. Raises NotBelievable."""
        head = _exactly(read, base, 64)
        if head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
            raise NotBelievable
        self._read = read
        self._wide = head[4] == _CLASS_64
        self._order = "<>"[head[5] - 1]
        self._word = struct.Struct(self._order + ("Q" if self._wide else "I"))
        (first,) = self._word.unpack_from(head, 32 if self._wide else 28)
        each, count = struct.unpack_from(f"{self._order}HH", head, 54 if self._wide else 42)
        layout = struct.Struct(self._order + ("IIQQQQQQ" if self._wide else "IIIIIIII"))
        if each != layout.size or count > _MOST_HEADERS:
            raise NotBelievable
        start, self._dynamic = None, (0, 0)
        for fields in layout.iter_unpack(_exactly(read, base + first, each * count)):
            offset, address, _, _, size = fields[2:7] if self._wide else fields[1:6]
            if fields[0] == _LOAD and not offset:
                start = address
            elif fields[0] == _DYNAMIC:
                self._dynamic = address, min(size, _MOST_DYNAMIC)
        if start is None:
            raise NotBelievable
        self._moved = base - start  # its addresses have this added

    def variable(self, wanted: tuple[bytes, ...]) -> int | None:
        """Return the address of a variable of the size of an address; None if it has none.

        wanted: its names, each with a NUL at the end.
        """
        symbols, strings, length = self._tables()
        names = _exactly(self._read, strings, min(length, _MOST_TABLE))
        if not any(name in names for name in wanted):
            return None
        entry = struct.Struct(self._order + ("IBBHQQ" if self._wide else "IIIBBH"))
        # The number of symbols is not told, but their names stand behind them.
        length = min(max(strings - symbols, 0), _MOST_TABLE) // entry.size * entry.size
        for fields in entry.iter_unpack(_exactly(self._read, symbols, length)):
            name, info, _, section, value, size = (
                fields if self._wide else (fields[0], *fields[3:], *fields[1:3])
            )
            fits = section and info & 15 == _OBJECT and size == self._word.size
            if fits and names.startswith(wanted, name):
                place: int = self._moved + value
                return place
        return None

    def _tables(self) -> tuple[int, int, int]:
        """Return where the symbols are, where their names are, and the size of the names."""
        start, size = self._dynamic
        pair = struct.Struct(self._order + self._word.format[1:] * 2)
        whole = size // pair.size * pair.size
        tags = dict(pair.iter_unpack(_exactly(self._read, self._moved + start, whole)))
        # glibc has made addresses of these two; musl, and glibc on some machines, have not.
        symbols, strings = (
            value if value >= self._moved else value + self._moved
            for value in (tags.get(_SYMBOLS, 0), tags.get(_STRINGS, 0))
        )
        return symbols, strings, tags.get(_STRINGS_SIZE, 0)

    def strings(self, variable: int) -> list[bytes]:
        """Return the strings of the list, ended by NULL, to which a variable points."""
        address = self._pointer(variable)
        found: list[bytes] = []
        total = 0
        while address and len(found) < _MOST_VARIABLES and total < _MOST_BYTES:
            pointer = self._pointer(address)
            if not pointer:
                return found
            found.append(_string(self._read, pointer))
            total += len(found[-1])
            address += self._word.size
        raise NotBelievable

    def _pointer(self, address: int) -> int:
        pointer: int = self._word.unpack(_exactly(self._read, address, self._word.size))[0]
        return pointer


def _string(read: Read, address: int) -> bytes:
    """Return the string at *address*, without its NUL."""
    found = b""
    while len(found) < _MOST_STRING:
        part = read(address + len(found), _PAGE)
        text, end, _ = part.partition(b"\0")
        found += text
        if end:
            return found
        if not part:
            break
    raise NotBelievable


def _exactly(read: Read, address: int, size: int) -> bytes:
    found = read(address, size)
    if len(found) != size or not size:
        raise NotBelievable
    return found


def _variables(strings: Iterable[bytes]) -> dict[str, str]:
    """Return variables by their names. Of two with one name, getenv(3) takes the first."""
    variables: dict[str, str] = {}
    for string in strings:
        name, sign, value = string.partition(b"=")
        if not sign or not name or not name.isascii() or not name.decode().isprintable():
            raise NotBelievable
        variables.setdefault(os.fsdecode(name), os.fsdecode(value))
    return variables
