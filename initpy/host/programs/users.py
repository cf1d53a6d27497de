"""Whose a program is: the user and the groups that it is given before it is executed."""

from __future__ import annotations

import os

from ...errors import NotPermitted, SettingsError, translated
from ...value import Value


class Account(Value):
    """A user of this machine, as a program has it: credentials(7)."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]  # all groups of the user, *gid* among them
    home: str
    capabilities: tuple[int, ...] = ()  # what it is let do besides, by their numbers

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that name the user: environ(7)."""
        return {"HOME": self.home, "LOGNAME": self.name, "USER": self.name}


@translated
class Accounts:
    """The users of this machine."""

    def account(self, user: str, capabilities: tuple[str, ...] = ()) -> Account:
        """Return the account of "name" or "name:group", by passwd(5) and group(5).

        capabilities: what it is let do besides, by their names: "CAP_NET_BIND_SERVICE".

        Raises SettingsError if there is none of that name; NotPermitted if we are not
        root, and not that user with that group.
        """
        import grp
        import pwd

        name, _, group = user.partition(":")
        try:
            entry = pwd.getpwnam(name)
            gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid
        except KeyError:
            what = f"group {group}" if group and _exists(name) else f"user {name}"
            raise SettingsError(f"the {what} does not exist: create it, or name another") from None
        if os.geteuid() not in (0, entry.pw_uid):
            raise NotPermitted(f"only root can start a program as the user {name}")
        return Account(
            name=name,
            uid=entry.pw_uid,
            gid=gid,
            groups=tuple(sorted({gid, *os.getgrouplist(name, gid)})),
            home=entry.pw_dir,
            capabilities=_numbers(capabilities),
        )


def _numbers(capabilities: tuple[str, ...]) -> tuple[int, ...]:
    if not capabilities:
        return ()
    from .capabilities import numbers

    return numbers(capabilities)


def _exists(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def become(
    uid: int, gid: int, groups: tuple[int, ...], capabilities: tuple[int, ...] = ()
) -> None:  # pragma: no cover - in a child
    """Give this process the groups, the group and the user, for good."""
    if os.geteuid() == 0:
        os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    if not capabilities:
        os.setresuid(uid, uid, uid)
        return
    from .capabilities import confine_to, keep

    keep()
    os.setresuid(uid, uid, uid)
    confine_to(capabilities)
