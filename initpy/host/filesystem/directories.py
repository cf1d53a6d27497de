"""Directories: what stands in them; and how they are made for another user.

No link of that user leads root elsewhere.
"""

from __future__ import annotations

import os
import stat

from ...errors import InitError, translated
from ..files import user_name

_MOST_LINKS = 40  # as the kernel follows: path_resolution(7)


@translated
class Directories:
    """The directories of this machine."""

    def inodes_beside(self, path: str) -> set[int]:
        """Return the inodes of what stands in the directory of *path*, links followed."""
        folder = os.path.dirname(path)
        found = set()
        for name in _names_in(folder):
            try:
                found.add(os.stat(f"{folder}/{name}").st_ino)
            except OSError:  # it is gone, or a link that leads nowhere
                continue
        return found

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that match a shell pattern, sorted."""
        if not any(sign in pattern for sign in "*?["):
            return [pattern] if os.path.exists(pattern) else []
        folder, _, last = pattern.rpartition("/")
        if not folder or any(sign in folder for sign in "*?[") or "?" in last or "[" in last:
            import glob  # which loads re; nearly every pattern is FOLDER/*.conf

            return sorted(glob.glob(pattern))
        hidden = last.startswith(".")
        names = (name for name in _names_in(folder) if hidden or not name.startswith("."))
        return sorted(f"{folder}/{name}" for name in names if _matches(name, last.split("*")))

    def own_directory(self, path: str, mode: int, uid: int, gid: int) -> str:
        """Have a directory with that mode and owner at *path*; return what was left undone, or "".

        Those above it that are missing are made as root's, 0755. What stands in an existing
        one stays; its mode and owner are mended only if it is root's or that user's. One that
        a user may have renamed, and that is root's and not empty, stays as it is. Each
        directory is opened below the one before, and a link is followed only if root made
        both the link and its directory. Raises InitError.
        """
        try:
            return _own_directory(path, mode, uid, gid)
        except InitError:
            raise
        except OSError as exc:
            raise InitError(f"{path} cannot be made: {exc.strerror}") from exc


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # it cannot be read
        return []


def _matches(name: str, parts: list[str]) -> bool:
    """Tell whether a name consists of *parts*, with anything between two of them."""
    first, *middle, last = parts
    at = len(first)
    for part in middle:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return name.startswith(first) and name.endswith(last) and at + len(last) <= len(name)


def _own_directory(path: str, mode: int, uid: int, gid: int) -> str:
    folder = _open("/", None)
    try:
        names, links, made, renamed = _names(path), 0, False, False
        while names:
            name = names.pop(0)
            made = _make(name, folder, mode if not names else 0o755)
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(info.st_mode):
                links += 1
                _require_trusted(path, name, info, folder, links)
                target = os.readlink(name, dir_fd=folder)
                names = _names(target) + names
                if target.startswith("/"):
                    folder = _step("/", folder)
                continue
            renamed = renamed or _is_writable(os.fstat(folder))
            folder = _step(name, folder)
        if renamed and uid and not os.fstat(folder).st_uid and os.listdir(folder):
            return f"{path} is root's and not empty, and stays as it is: a user may have renamed it"
        return _give(path, folder, mode, uid, gid, made=made)
    finally:
        os.close(folder)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _open(name: str, folder: int | None) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=folder)


def _step(name: str, folder: int) -> int:
    """Return the descriptor of a directory below *folder*, which is closed."""
    below = _open(name, folder)
    os.close(folder)
    return below


def _make(name: str, folder: int, mode: int) -> bool:
    try:
        os.mkdir(name, mode, dir_fd=folder)
    except FileExistsError:
        return False
    return True


def _require_trusted(path: str, name: str, link: os.stat_result, folder: int, links: int) -> None:
    if link.st_uid or _is_writable(os.fstat(folder)):
        raise InitError(
            f"{path} cannot be made: {name} in it is a link of {user_name(link.st_uid)}'s, "
            "which is not followed"
        )
    if links > _MOST_LINKS:
        raise InitError(f"{path} cannot be made: too many links")


def _is_writable(above: os.stat_result) -> bool:
    """Tell whether a user other than root may rename what stands in that directory."""
    shared = above.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not above.st_mode & stat.S_ISVTX
    return bool(above.st_uid or shared)


def _give(path: str, folder: int, mode: int, uid: int, gid: int, *, made: bool) -> str:
    info = os.fstat(folder)
    if info.st_uid not in (0, uid):
        return f"{path} belongs to {user_name(info.st_uid)}, and stays as it is"
    if (info.st_uid, info.st_gid) != (uid, gid):
        os.fchown(folder, uid, gid)
    if made or stat.S_IMODE(info.st_mode) != mode:
        os.fchmod(folder, mode)
    return ""
