"""The environment of a process, read in a memory that is made here byte by byte."""

from __future__ import annotations

import struct

import pytest

from initpy.host.programs.environ import environment_in_memory, parse_environ, parse_modules

FORMS = [(wide, order) for wide in (True, False) for order in "<>"]
VARIABLES = [b"FOO=bar", b"EMPTY=", b"TWO=a=b", b"FOO=second", b"LATIN=\xe4"]
WANTED = {"FOO": "bar", "EMPTY": "", "TWO": "a=b", "LATIN": "\udce4"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", None),
        (b"A=b\0C=\0", {"A": "b", "C": ""}),
        (b"\0\0\0\0", None),
        (b"A=b\0\0\0", None),
        (b"A=b\0C=d", None),
        (b"a title\0A=b\0", None),
        (b"=b\0", None),
        (b"A\x01=b\0", None),
        (b"\xe4=b\0", None),
    ],
)
def test_environ_of_proc(text, found):
    """It counts only if it is whole: a title may be written over a part of it."""
    assert found == parse_environ(text)


def test_modules():
    """The program comes first; of each file the first mapping counts, of its beginning."""
    maps = (
        "7f00000-7f01000 r--p 00000000 08:01 11   /lib/libc.so.6\n"
        "7f01000-7f02000 r-xp 00001000 08:01 11   /lib/libc.so.6\n"
        "7f02000-7f03000 rw-p 00000000 00:00 0 \n"
        "7f03000-7f04000 rw-p 00000000 00:00 0    [stack]\n"
        "5500000-5501000 r--p 00000000 08:01 12   /a b/daemon (deleted)\n"
        "5501000-5502000 r--p 00000000 08:01 12   /a b/daemon (deleted)\n"
    )

    assert [0x5500000, 0x7F00000] == parse_modules(maps, "/a b/daemon (deleted)")
    assert [0x7F00000, 0x5500000] == parse_modules(maps, "/lib/ld.so")


class Memory:
    """The memory of a process: pieces of bytes at their addresses."""

    def __init__(self, wide, order):
        self.wide, self.order = wide, order
        self.word = struct.Struct(order + ("Q" if wide else "I"))
        self.pieces = {}

    def put(self, address, data):
        """Have bytes there; return the address."""
        self.pieces[address] = data
        return address

    def read(self, address, size):
        """Read as pread(2) does: short where a piece ends."""
        for start, data in self.pieces.items():
            if start <= address < start + len(data):
                return data[address - start :][:size]
        return b""

    def words(self, *values):
        """Return numbers of the size of an address."""
        return b"".join(map(self.word.pack, values))

    def module(self, base, variable, *, start=0, relocated=True, defined=True):
        """Have a library or a program at *base* that defines ``environ``."""
        moved = base - start
        wide, order, word = self.wide, self.order, self.word.format[1:]
        names = b"\0main\0__environ\0"
        kinds = {"main": 2, "__environ": 1}
        symbols = b"\0" * (24 if wide else 16)
        for name, kind in kinds.items():
            at, section = names.index(b"\0" + name.encode()) + 1, int(defined)
            address, size = variable - moved, self.word.size
            symbols += (
                struct.pack(f"{order}IBBHQQ", at, kind, 0, section, address, size)
                if wide
                else struct.pack(f"{order}IIIBBH", at, address, size, kind, 0, section)
            )
        table = base + 0x400
        self.put(table, symbols + names)
        added = 0 if relocated else moved
        places = (table - added, table + len(symbols) - added)
        dynamic = self.words(6, places[0], 5, places[1], 10, len(names), 0, 0)
        self.put(base + 0x800, dynamic)
        load = (1, 0, start, 0x1000)  # type, offset, address, size
        linked = (2, 0x800, start + 0x800, len(dynamic))
        headers = b"".join(
            struct.pack(f"{order}IIQQQQQQ", kind, 4, offset, at, at, size, size, 8)
            if wide
            else struct.pack(f"{order}IIIIIIII", kind, offset, at, at, size, size, 4, 4)
            for kind, offset, at, size in (load, linked)
        )
        ident = b"\x7fELF" + bytes([1 + wide, 1 + (order == ">"), 1]) + bytes(9)
        head = ident + struct.pack(
            f"{order}HHI{word * 3}IHHHHHH",
            3,
            62,
            1,
            0,
            0x100,
            0,
            0,
            64,
            len(headers) // 2,
            2,
            0,
            0,
            0,
        )
        self.put(base, head.ljust(0x100, b"\0") + headers)
        return base

    def environ(self, variable, strings=VARIABLES):
        """Have ``environ`` there, which points to these strings."""
        addresses = [self.put(0x90000 + 0x100 * n, one + b"\0") for n, one in enumerate(strings)]
        self.put(variable, self.words(self.put(0x80000, self.words(*addresses, 0))))


@pytest.fixture(params=FORMS, ids=lambda form: f"{64 if form[0] else 32} {form[1]}")
def memory(request):
    """Return an empty memory of each word size and byte order."""
    return Memory(*request.param)


@pytest.mark.parametrize("relocated", [True, False])
@pytest.mark.parametrize("start", [0, 0x10000])
def test_environ_in_memory(memory, relocated, start):
    """It is found wherever the module stands; of two values the first counts, as for getenv(3)."""
    base = memory.module(0x10000, 0x20000, start=start, relocated=relocated)
    memory.environ(0x20000)

    assert WANTED == environment_in_memory(memory.read, [base])


def test_copy_of_the_program(memory):
    """A library defines it, too, but the program has a copy, and the copy is used."""
    program = memory.module(0x10000, 0x20000)
    library = memory.module(0x50000, 0x60000)
    memory.put(0x60000, memory.words(0))
    memory.environ(0x20000)

    assert WANTED == environment_in_memory(memory.read, [program, library])
    assert None is environment_in_memory(memory.read, [library])


def test_libraries_are_searched(memory):
    """What is no module, and a module that only uses the variable, are passed over."""
    memory.put(0x3000, b"\0" * 100)
    program = memory.module(0x10000, 0x20000, defined=False)
    library = memory.module(0x50000, 0x60000)
    memory.environ(0x60000)

    assert WANTED == environment_in_memory(memory.read, [0x3000, 0x9999, program, library])


def test_empty_environment(memory):
    """A process may have been given none at all."""
    base = memory.module(0x10000, 0x20000)
    memory.environ(0x20000, [])

    assert {} == environment_in_memory(memory.read, [base])


@pytest.mark.parametrize("nonsense", [b"no sign", b"=x", b"\xff\xff=x", b"", b"A" * 200000 + b"="])
def test_strings_that_are_no_variables(memory, nonsense):
    """Then nothing of it is believed."""
    base = memory.module(0x10000, 0x20000)
    memory.environ(0x20000, [b"A=b"])
    memory.pieces[0x90000] = nonsense + b"\0"

    assert None is environment_in_memory(memory.read, [base])


def test_endless_list(memory):
    """A list that does not end is given up."""
    base = memory.module(0x10000, 0x20000)
    text = memory.put(0x90000, b"A=b\0")
    memory.put(0x20000, memory.words(memory.put(0x1000000, memory.words(text) * 20000)))

    assert None is environment_in_memory(memory.read, [base])


@pytest.mark.parametrize("piece", [0x10000, 0x10400, 0x10800, 0x20000, 0x80000, 0x90000])
@pytest.mark.parametrize("change", ["zero", "ones", "flip", "cut"])
def test_torn_memory(memory, piece, change):
    """Whatever byte is another one than it should be, or missing: nothing breaks."""
    base = memory.module(0x10000, 0x20000)
    memory.environ(0x20000)
    whole = memory.pieces[piece]
    for at, byte in enumerate(whole):
        other = {"zero": 0, "ones": 255, "flip": byte ^ 1}.get(change, 0)
        torn = whole[:at] if "cut" == change else whole[:at] + bytes([other]) + whole[at + 1 :]
        memory.pieces[piece] = torn

        found = environment_in_memory(memory.read, [base])

        assert None is found or all(map(isinstance, found, [str] * len(found)))
