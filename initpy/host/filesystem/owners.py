"""Who owns a file, and whether a user could have written it without root's help."""

from __future__ import annotations

import os
import stat

from ...errors import translated
from ..files import Files, others_write, upwards, user_name


@translated
class Owners(Files):
    """The owners of this machine's files."""

    def owner(self, path: str) -> tuple[int, int] | None:
        """Return the user and the group of a file, a link not followed; None if there is none."""
        try:
            info = os.lstat(path)
        except OSError:
            return None
        return info.st_uid, info.st_gid

    def distrust_for_root(self, path: str) -> str:
        """Return why another user than root could change or replace *path*, or ""."""
        try:
            info = os.stat(path)
        except OSError as exc:
            return str(exc.strerror)
        if info.st_uid != 0:
            return f"it belongs to {user_name(info.st_uid)}"
        if info.st_mode & others_write(info):
            return "it can be written by others"
        return self.distrust(path)

    def distrust_but(self, path: str, uid: int) -> str:
        """Return why another than root, we and the user *uid* could have written a file, or "".

        The file and every directory above it are checked, as written and with links
        resolved. A group that may write counts as that user if it is the user's own.
        """
        import pwd

        try:
            own = {0, pwd.getpwuid(uid).pw_gid}
        except KeyError:
            own = {0}
        directory = os.path.dirname(path)
        chains = (*upwards(directory), *upwards(os.path.realpath(directory)))
        for step in dict.fromkeys((path, *chains)):
            try:
                info = os.lstat(step) if step == path else os.stat(step)
            except OSError:
                continue
            if info.st_uid not in (0, os.geteuid(), uid):
                return f"{step} belongs to {user_name(info.st_uid)}"
            others = stat.S_IWOTH | (0 if info.st_gid in own else stat.S_IWGRP)
            sticky = stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX
            if info.st_mode & others and not sticky:
                return f"{step} can be written by others"
        return ""
