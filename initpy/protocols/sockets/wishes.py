"""What the configuration wants of a socket, and what is in force, where a master inherits it.

A daemon applies owner, mode, ACL and backlog to a socket that it makes, and nothing to one
that it inherits: in a reload, an upgrade, a recovery. Nor does it make the path of a unix socket
that is lost.
"""

# php-fpm: fpm_sockets_get_listening_socket, fpm_unix_resolve_socket_permissions

from __future__ import annotations

from ...host import Host, Process
from ...state.sockets import held_sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...contracts import Configuration, Pool
    from ...host import BoundSocket, SocketAccess

_READ_AND_WRITE = 6  # what an entry of the ACL gives


def tell_wishes(config: Configuration, master: Process, host: Host) -> None:
    """Tell of each pool what its configuration wants of its socket and is not in force."""
    for pool, socket in _sockets(config, master, host):
        if differ := list(_differences(pool, socket, host)):
            host.tell(
                f"pool {pool.name}: its socket was inherited, restart it to have in force "
                f"{', '.join(differ)}"
            )


def unmet_sockets(config: Configuration, master: Process, host: Host) -> set[int]:
    """Return the inodes of the sockets that would be made in another way than they are."""
    return {
        socket.inode
        for pool, socket in _sockets(config, master, host)
        if any(_differences(pool, socket, host)) or _has_another_owner(pool, socket, host)
    }


def _sockets(
    config: Configuration, master: Process, host: Host
) -> Iterator[tuple[Pool, BoundSocket]]:
    """Yield each pool that wants something of its socket, and that socket, if it is seen."""
    held = held_sockets(master, host) if any(pool.wishes for pool in config.pools) else []
    for pool in config.pools:
        socket = _socket_of(pool, held, host) if pool.wishes else None
        if socket is not None:
            yield pool, socket


def _has_another_owner(pool: Pool, socket: BoundSocket, host: Host) -> bool:
    """Tell whether a socket for which no owner is wanted is not ours, who would make it."""
    wanted = {wish.kind for wish in pool.wishes if wish.value}
    access = host.socket_access(socket.place) if socket.place.startswith("/") else None
    return access is not None and "owner" not in wanted and access.uid != host.geteuid()


def _socket_of(pool: Pool, held: list[BoundSocket], host: Host) -> BoundSocket | None:
    """Return the socket where a pool answers; None if it is not seen."""
    first, *others = pool.listens or ("",)
    # [::] and 0.0.0.0 are one notation: it is that where there is IPv6.
    wildcards = [first, *others[:1]] if first.startswith(":::") else [first]
    file = host.file_id(first) if first.startswith("/") else None
    for socket in held:
        if file and socket.file:
            if socket.file[0] == file[1]:
                return socket
        elif socket.place in wildcards:
            return socket
    return None


def _differences(pool: Pool, socket: BoundSocket, host: Host) -> Iterator[str]:
    wanted = {wish.kind: wish for wish in pool.wishes}
    told = (
        {"backlog": _backlog(wanted["backlog"].value, socket, host)} if "backlog" in wanted else {}
    )
    access = host.socket_access(socket.place) if socket.place.startswith("/") else None
    # Where the folder has a default ACL, a new socket would not have what is wanted either.
    if access is not None and not access.imposed:
        values = {kind: wish.value for kind, wish in wanted.items()}
        told.update(_of_access(values, access, host))
    for wish in pool.wishes:
        if in_force := told.get(wish.kind):
            yield f"{wish.key} = {wish.value or 'none'} (it is {in_force})"


def _backlog(value: str, socket: BoundSocket, host: Host) -> str:
    """Return the backlog in force, or "" if it is as wanted, or not known."""
    most, backlog = host.most_backlog(), socket.backlog
    if most is None or backlog is None or not value.lstrip("-").isdigit():
        return ""
    number = int(value)
    # listen(2) takes what is negative, or too great, for the greatest. That may have been
    # lowered since.
    granted = most if number < 0 else min(number, most)
    return "" if backlog in (number, granted) else f"{backlog}"


def _of_access(
    values: Mapping[str, str], access: SocketAccess, host: Host
) -> Iterator[tuple[str, str]]:
    """Yield what differs, by its kind, and how it is."""
    owner, group = values.get("owner", ""), values.get("group", "")
    uid, gid = _user(owner, host)
    if group:
        gid = int(group) if group.isdigit() else host.group_id(group)
    its_group = host.name_of(access.gid, group=True)
    if uid not in (None, access.uid):
        yield "owner", host.name_of(access.uid)
    elif gid not in (None, access.gid) and not group:  # then it is the owner's
        yield "owner", f"of the group {its_group}"
    if gid not in (None, access.gid) and group:
        yield "group", its_group
    mode = values.get("mode", "")
    if mode.isdigit() and not set("89") & set(mode) and int(mode, 8) & 0o777 != access.mode:
        yield "mode", f"0{access.mode:03o}"
    for kind, there in (("users", access.users), ("groups", access.groups)):
        names = [name for name in values.get(kind, "").split(",") if name]
        numbers = [_number(kind, name, host) for name in names]
        if None not in numbers and dict.fromkeys(numbers, _READ_AND_WRITE) != there:
            have = (host.name_of(number, group=kind == "groups") for number in there)
            yield kind, ",".join(have) or "none"


def _user(name: str, host: Host) -> tuple[int | None, int | None]:
    """Return what a named owner is, and its group; a number has none."""
    if name.isdigit():
        return int(name), None
    return (name and host.user_id(name)) or (None, None)


def _number(kind: str, name: str, host: Host) -> int | None:
    return host.group_id(name) if kind == "groups" else _user(name, host)[0]
