"""Who may connect to a unix socket: owner, group, mode and ACL of its path. See acl(5)."""

from __future__ import annotations

import os

from ...errors import translated
from ...value import Value
from ..files import user_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_USER, _GROUP_ITSELF, _GROUP = 2, 4, 8  # kinds of entries: linux/posix_acl.h
_VERSION = 4  # bytes before the first entry: linux/posix_acl_xattr.h


class SocketAccess(Value):
    """Who may connect to a unix socket."""

    uid: int
    gid: int
    mode: int  # permission bits; those of the group itself, also where an ACL hides them
    users: Mapping[int, int]  # of its ACL: permission bits, by uid
    groups: Mapping[int, int]  # the same, by gid
    imposed: bool  # the folder has a default ACL, which changes what is made in it


@translated
class Access:
    """Users, groups, and what they may do."""

    def socket_access(self, path: str) -> SocketAccess | None:
        """Return who may connect to a unix socket; None if there is nothing, or unreadable."""
        try:
            info = os.stat(path)
        except OSError:
            return None
        entries = _acl(path, "access")
        own = [perms for kind, _, perms in entries if kind == _GROUP_ITSELF]
        mode = info.st_mode & 0o777
        return SocketAccess(
            uid=info.st_uid,
            gid=info.st_gid,
            mode=mode & 0o707 | own[0] << 3 if own else mode,
            users={number: perms for kind, number, perms in entries if kind == _USER},
            groups={number: perms for kind, number, perms in entries if kind == _GROUP},
            imposed=bool(_acl(os.path.dirname(path), "default")),
        )

    def user_id(self, name: str) -> tuple[int, int] | None:
        """Return the number of a user, and that of its group; None if there is none."""
        import pwd

        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        return entry.pw_uid, entry.pw_gid

    def group_id(self, name: str) -> int | None:
        """Return the number of a group; None if there is none."""
        import grp

        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None

    def name_of(self, number: int, *, group: bool = False) -> str:
        """Return the name of a user, or of a group; the number if it has none."""
        if not group:
            return user_name(number)
        import grp

        try:
            return grp.getgrgid(number).gr_name
        except KeyError:
            return f"gid {number}"


def _acl(path: str, kind: str) -> list[tuple[int, int, int]]:
    """Return an ACL as kinds of entries, numbers and permission bits; empty without one."""
    from struct import iter_unpack

    try:
        text = os.getxattr(path, f"system.posix_acl_{kind}")
    except OSError:
        return []
    entries = iter_unpack("<HHI", text[_VERSION:])
    return [(kind, number, perms) for kind, perms, number in entries]
