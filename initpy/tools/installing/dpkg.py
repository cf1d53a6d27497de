"""Debian's package manager: which package has a file, and have that kept elsewhere."""

from __future__ import annotations

from ...control.run import run
from ...host import Host
from ..register import WITHIN, run_well

_DPKG_QUERY, _DPKG_DIVERT = "/usr/bin/dpkg-query", "/usr/bin/dpkg-divert"


def owner_of(path: str, host: Host) -> str:
    """Return the package that a file belongs to, or ""; also where there is no dpkg.

    A file in the place of one that is diverted belongs to none.
    """
    if not (host.is_executable(_DPKG_QUERY) and host.is_executable(_DPKG_DIVERT)):
        return ""
    asked = run([_DPKG_QUERY, "--search", path], host, within=WITHIN)
    owners = [line for line in asked.output.splitlines() if line.endswith(f": {path}")]
    diverted = any(line.endswith(f" from: {path}") for line in owners)
    return "" if asked.code or diverted or not owners else owners[0].partition(":")[0]


def divert(path: str, kept: str, host: Host) -> None:
    """Move a package's file to *kept*, where later versions of the package put it, too."""
    _divert(path, kept, host, "--add", "--rename")


def is_diverted(path: str, host: Host) -> bool:
    """Tell whether a file is diverted, and not by a package."""
    if not host.is_executable(_DPKG_DIVERT):
        return False
    return run([_DPKG_DIVERT, "--listpackage", path], host, within=WITHIN).output == "LOCAL"


def undivert(path: str, kept: str, host: Host, *, rename: bool) -> None:
    """Undo ``divert``. The file is moved back only with *rename*."""
    _divert(path, kept, host, "--remove", "--rename" if rename else "--no-rename")


def _divert(path: str, kept: str, host: Host, action: str, rename: str) -> None:
    run_well([_DPKG_DIVERT, "--quiet", "--local", "--divert", kept, rename, action, path], host)
