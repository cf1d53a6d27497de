"""Foresight: what will fail when a daemon executes itself anew, before it is told to.

The test of a configuration binds nothing. A daemon that ends its workers and executes its
binary anew, and then cannot bind a socket, is down. So every socket that it is going to
make is tried before: an address is bound and let go at once, a path is only looked at.
"""

from __future__ import annotations

import os.path

from ..contracts import Report
from ..control.error_log import describe_holders
from ..errors import InitError, NotPermitted
from ..value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import Configuration, Pool
    from ..host import Host, Process
    from ..service import Service

MOST_PATH = 107  # bytes of a unix socket's path: unix(7); what follows is cut off
UNREADABLE = "\ufffd"  # stands in a path for bytes that are no text
MOST_DIGITS = 5  # of a port
# Descriptors of a master beside its sockets: three standard streams, its error log, a pair
# for signals, a pipe to the process that started it, and epoll (seen with PHP 8.2).
BESIDES = 8


class Foreseen(Value):
    """What will fail, in sentences; all are empty if nothing is known to."""

    wrong: tuple[str, ...] = ()  # the configuration is wrong, whatever the state of the host
    refused: tuple[str, ...] = ()  # this host does not allow it now
    unresolved: tuple[str, ...] = ()  # a host name has no address now


def foresee(service: Service, config: Configuration, master: Process, host: Host) -> Foreseen:
    """Return what will fail if *master* executes the daemon anew with *config*.

    The daemon inherits the sockets that it has, known by the letters of their names; new
    ones are made while all of these are still open. Empty if we may not see the sockets of
    *master*.
    """
    # So does php-fpm, in fpm_sockets_init_main.
    held = held_places(master, host)
    if held is None:
        host.explain(f"the sockets of master {master} cannot be seen: nothing is foreseen")
        return Foreseen()
    trials = Trials(master, held, host, excluded=service.inherit_excludes)
    trials.try_pidfile(config.pidfile or service.pidfile)
    for pool in config.pools:
        trials.try_pool(pool)
    trials.try_limits(config)
    host.explain(f"sockets that are to be made: {', '.join(trials.new) or 'none'}")
    return trials.foreseen


def held_places(master: Process, host: Host) -> set[str] | None:
    """Return where *master* listens, as ``Listener.place``; None if we may not see."""
    sockets, known = host.socket_inodes(master), host.listening_sockets()
    if known is None:
        return host.listening_places(master)
    return {one.place for one in known if one.inode in sockets} if sockets else None


class Trials:
    """The trials for one master, and what they have shown."""

    def __init__(self, master: Process, held: set[str], host: Host, *, excluded: str = "") -> None:
        """Take the places that *master* holds, and will hand on to itself.

        excluded: characters that the path of a socket which it hands on cannot have.
        """
        self._master, self._held, self._host = master, held, host
        self._excluded = excluded
        self.new: dict[str, str] = {}  # the places that can be bound, and their pools
        self._found: dict[str, list[str]] = {"wrong": [], "refused": [], "unresolved": []}

    @property
    def foreseen(self) -> Foreseen:
        """What the trials have shown."""
        return Foreseen(**{kind: tuple(said) for kind, said in self._found.items()})

    def try_limits(self, config: Configuration) -> None:
        """See whether the old and the new sockets fit into the limit of descriptors.

        That is the limit of *master*, or one that the daemon sets for itself.
        """
        soft, most = self._host.file_limits(self._master)
        if not most:  # it has just ended
            return
        if config.open_files > most:
            self._found["wrong"].append(
                f"the limit of {config.open_files} open files cannot be set: {most} is the most"
            )
        limit, sockets = config.open_files or soft, len(self._held) + len(self.new)
        if sockets + BESIDES > limit:
            self._found["refused"].append(
                f"{sockets} sockets, old and new ones, and {BESIDES} other descriptors "
                f"do not fit into a limit of {limit} open files"
            )

    def try_pidfile(self, path: str) -> None:
        """See whether the daemon can write its pidfile."""
        self._try_spot(path, f"the pidfile {path} cannot be written")

    def try_pool(self, pool: Pool) -> None:
        """Try each socket of a pool that *master* does not have."""
        host = self._host
        unknown = [f"user {name}" for name in pool.users if host.user_id(name) is None]
        unknown += [f"group {name}" for name in pool.groups if host.group_id(name) is None]
        if unknown:
            self._found["wrong"].append(f"pool {pool.name}: there is no {', no '.join(unknown)}")
        for bind in pool.binds:
            if bind[0].startswith("/"):
                self._try_path(pool.name, bind[0])
            else:
                self._try_addresses(pool.name, bind)

    def _try_path(self, pool: str, path: str) -> None:
        cut = path.encode()[:MOST_PATH].decode(errors="surrogateescape")
        handed_on = cut in self._held and not set(self._excluded).intersection(cut)
        if handed_on or cut in self.new or UNREADABLE in path:
            return
        what = f"pool {pool} cannot listen on {path}"
        if cut != path:
            self._found["wrong"].append(f"{what}: a path has {MOST_PATH} bytes at most")
        elif self._try_spot(path, what):
            self.new[path] = pool

    def _try_spot(self, path: str, what: str) -> bool:
        """Tell whether something can be made at *path*; note why not."""
        host = self._host
        try:
            spot = host.spot(self._master, path)
            by = self._listener(spot.socket, path) if spot.socket else ""
        except NotPermitted as exc:
            host.explain(f"{what}: this cannot be foreseen, {exc}")
            return True
        if spot.missing:
            self._found["wrong"].append(f"{what}: {os.path.dirname(path)}: {spot.folder}")
        elif spot.folder:
            self._found["refused"].append(f"{what}: {spot.folder}")
        elif spot.kind == "directory":
            self._found["refused"].append(f"{what}: it is a directory")
        elif by:
            self._found["refused"].append(f"{what}: {by}")
        else:
            return True
        return False

    def _listener(self, file: tuple[int, int], path: str) -> str:
        """Return what listens on a socket that has a path already, or "" if nothing does.

        The kernel tells it by device and inode. On an overlay the devices differ, and of
        another network namespace nothing is told: then only a connection shows it.
        """
        known = self._host.listening_sockets() or ()
        device, inode = file
        alike = {one.place: one.file for one in known if one.file and one.file[0] == inode}
        sure = (inode, device) in alike.values()
        if not sure and not self._host.answers(self._master, path):
            return ""
        if path in self._held:
            signs = " or ".join(f'"{sign}"' for sign in self._excluded)
            return f"the master hands on no path with {signs} in it: change the path, and restart"
        if ours := self._held.intersection(alike):
            return f"this service itself has it as {', '.join(ours)}, until it is restarted"
        by = describe_holders(Report(unbound=(path, *alike)), self._host, (self._master.pid,))
        return by or "another socket listens there"

    def _try_addresses(self, pool: str, bind: tuple[str, ...]) -> None:
        """Try what the daemon tries, until one can be had."""
        reasons = {}
        for text in bind:
            name, _, number = text.rpartition(":")
            plain = number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS
            port = int(number) if plain else 0
            if not 0 < port < 1 << 16:
                self._found["wrong"].append(f"pool {pool}: {number} is not a port")
                return
            try:
                addresses = self._host.resolve(name.removeprefix("[").removesuffix("]"))
            except InitError as exc:
                self._found["unresolved"].append(f"pool {pool} cannot listen on {text}: {exc}")
                return
            for address in addresses:
                place = f"{address.partition('%')[0]}:{port}"
                if place in self._held or place in self.new:
                    return
                if not (why := self._why_not(address, port)):
                    self.new[place] = pool
                    return
                reasons[place] = why
        said = "; ".join(f"{place}: {why}" for place, why in reasons.items())
        self._found["refused"].append(f"pool {pool} cannot listen on {said}")

    def _why_not(self, address: str, port: int) -> str:
        """Return why a socket cannot be bound, or ""."""
        place = f"{address.partition('%')[0]}:{port}"
        for other, pool in self.new.items():
            if self._overlap(place, other):
                return f"pool {pool} is to have {other}"
        why = self._host.why_not_bound(address, port)
        ours = [other for other in self._held if self._overlap(place, other)]
        if why and ours:
            return f"this service itself has {', '.join(ours)}, until it is restarted"
        by = why and describe_holders(Report(unbound=(place,)), self._host, (self._master.pid,))
        return f"{why}, {by}" if by else why

    def _overlap(self, place: str, other: str) -> bool:
        """Tell whether two different addresses with one port exclude each other: ip(7), ipv6(7)."""
        (address, _, port), (another, _, its_port) = place.rpartition(":"), other.rpartition(":")
        pair = {address, another}
        if port != its_port or "/" in place + other:
            return False
        if "::" in pair:
            only_v6 = self._host.read_from("/proc/sys/net/ipv6/bindv6only", 0).strip() == "1"
            return not only_v6 or all(":" in one for one in pair)
        return "0.0.0.0" in pair and not any(":" in one for one in pair)  # noqa: S104 - compared
