"""Copies of the library, to be broken as a crash, a full disk or an editor breaks it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager

import initpy

PACKAGE = os.path.dirname(initpy.__file__)
MODULES = sorted(
    os.path.relpath(os.path.join(folder, name), PACKAGE)
    for folder, _, names in os.walk(PACKAGE)
    for name in names
    if name.endswith(".py")
)
# A truncated one is cut within a line: of one that ends between two lines, Python
# cannot tell that it is not whole.
BREAKAGES = {
    "removed": None,
    "emptied": lambda _text: b"",
    "truncated": lambda text: text[: len(text) // 2].rstrip()[:-1],
    "NUL-filled": lambda text: bytes(len(text)),
    "syntax error": lambda text: text + b"\n(",
}


def copy_library(folder):
    """Put a copy of the library into a folder."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, os.path.join(folder, "initpy"), ignore=ignore)


@contextmanager
def broken(folder, module, how):
    """Have a module of a copy broken in one of those ways, and whole again at the end."""
    path = os.path.join(folder, "initpy", module)
    with open(path, "rb") as file:
        text = file.read()
    facts = os.stat(path)
    change = BREAKAGES[how]
    if change is None:
        os.unlink(path)
    else:
        _write(path, change(text))
    try:
        yield
    finally:
        _write(path, text)
        # With its time, so that what was compiled from the broken one is not taken for it.
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _write(path, text):
    with open(path, "wb") as file:
        file.write(text)
