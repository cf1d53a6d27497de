"""Foresight: what will fail when a daemon executes itself anew, before it is told to.

The test of a configuration binds nothing. A daemon that ends its workers and executes its
binary anew, and then cannot bind a socket, is down. So every socket that it is going to
make is tried before: an address is bound and let go at once, a path is only looked at.
"""

from __future__ import annotations

import os.path

from ...contracts import UDP, Report, WantedSocket
from ...control.error_log import describe_holders
from ...errors import InitError, NotPermitted
from ...value import Value
from .places import held_places, overlap, port_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...contracts import Configuration, Pool
    from ...host import Host, Process
    from ...service import Service

MOST_PATH = 107  # bytes of a unix socket's path: unix(7); what follows is cut off
MOST_DIGITS = 5  # of a port
# Descriptors of a master beside its sockets: three standard streams, its error log, a pair
# for signals, a pipe to the process that started it, and epoll (seen with PHP 8.2).
BESIDES = 8
PLAIN = WantedSocket(place="")  # the options of a socket for which none are configured


class Foreseen(Value):
    """What will fail, in sentences; all are empty if nothing is known to."""

    wrong: tuple[str, ...] = ()  # the configuration is wrong, whatever the state of the host
    refused: tuple[str, ...] = ()  # this host does not allow it now
    unresolved: tuple[str, ...] = ()  # a host name has no address now


def foresee(
    service: Service, config: Configuration, master: Process, host: Host, *, beside: bool = False
) -> Foreseen | None:
    """Return what will fail if *master* executes the daemon anew with *config*.

    The daemon inherits the sockets that it has, known by the letters of their names; new
    ones are made while all of these are still open. Empty if we may not see the sockets of
    *master*. None if something would fail, but *master* has ended: then what is missing for
    it tells nothing.

    beside: a new master is started beside *master*. It inherits only what it wants, so its
            limit of descriptors is its own.
    """
    # So does php-fpm, in fpm_sockets_init_main.
    held = held_places(master, host)
    if held is None:
        host.explain(f"the sockets of master {master} cannot be seen: nothing is foreseen")
        return Foreseen()
    # A takeover tells itself what it cannot hand on.
    trials = Trials(master, held, host, excluded="" if beside else service.inherit_excludes)
    trials.try_pidfile(config.pidfile or service.pidfile)
    for pool in config.pools:
        trials.try_pool(pool)
    if not beside:
        trials.try_limits(config, host.file_limits(master))
    host.explain(f"sockets that are to be made: {', '.join(trials.new) or 'none'}")
    foreseen = trials.foreseen
    return None if foreseen != Foreseen() and not host.alive(master) else foreseen


class Trials:
    """The trials for one master, and what they have shown."""

    def __init__(self, master: Process, held: set[str], host: Host, *, excluded: str = "") -> None:
        """Take the places that *master* holds, and will hand on to itself.

        excluded: characters that the path of a socket which it hands on cannot have.
        """
        self._master, self._held, self._host = master, held, host
        self._excluded = excluded
        self.new: dict[str, str] = {}  # the places that can be bound, and what wants them
        self._at_port: dict[str, list[str]] = {}  # those of them that are addresses
        self._ipv6only: dict[str, bool | None] = {}  # of the wanted places, as configured
        self._found: dict[str, list[str]] = {"wrong": [], "refused": [], "unresolved": []}

    @property
    def foreseen(self) -> Foreseen:
        """What the trials have shown."""
        return Foreseen(**{kind: tuple(said) for kind, said in self._found.items()})

    def try_limits(self, config: Configuration, limits: tuple[int, int]) -> None:
        """See whether the old and the new sockets fit into the limit of descriptors.

        That is the one in *limits* (as of ``Host.file_limits``), or one that the daemon sets
        for itself.
        """
        soft, most = limits
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
                self._try_path(f"pool {pool.name}", bind[0])
            else:
                self._try_addresses(f"pool {pool.name}", bind)

    def _try_path(self, wanting: str, path: str) -> None:
        cut = os.fsdecode(os.fsencode(path)[:MOST_PATH])
        handed_on = cut in self._held and not set(self._excluded).intersection(cut)
        if handed_on or cut in self.new:
            return
        what = f"{wanting} cannot listen on {path}"
        if cut != path:
            self._found["wrong"].append(f"{what}: a path has {MOST_PATH} bytes at most")
        elif self._try_spot(path, what):
            self.new[path] = wanting

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

    def _try_addresses(
        self, wanting: str, bind: tuple[str, ...], options: WantedSocket = PLAIN
    ) -> None:
        """Try what the daemon tries, until one can be had."""
        reasons = {}
        for text in bind:
            name, _, number = text.rpartition(":")
            plain = number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS
            port = int(number) if plain else 0
            if not 0 < port < 1 << 16:
                self._found["wrong"].append(f"{wanting}: {number} is not a port")
                return
            try:
                addresses = self._host.resolve(name.removeprefix("[").removesuffix("]"))
            except InitError as exc:
                self._found["unresolved"].append(f"{wanting} cannot listen on {text}: {exc}")
                return
            for address in addresses:
                place = _place(address, port, options)
                if place in self._held or place in self.new:
                    return
                if not (why := self._why_not(address, port, options)):
                    self.new[place] = wanting
                    self._at_port.setdefault(port_of(place), []).append(place)
                    return
                reasons[place] = why
        said = "; ".join(f"{place}: {why}" for place, why in reasons.items())
        self._found["refused"].append(f"{wanting} cannot listen on {said}")

    def _why_not(self, address: str, port: int, options: WantedSocket) -> str:
        """Return why a socket cannot be bound, or ""."""
        place = _place(address, port, options)
        self._ipv6only[place] = options.ipv6only
        for other in self._at_port.get(port_of(place), ()):
            if self._overlap(place, other):
                return f"{self.new[other]} is to have {other}"
        why = self._host.why_not_bound(
            address,
            port,
            datagram=options.datagram,
            ipv6only=options.ipv6only,
            reuseport=options.reuseport,
        )
        return why and self._explained(why, place)

    def _explained(self, why: str, place: str) -> str:
        """Return why a place cannot be bound, with what is in the way; "" if that will be gone."""
        if ours := [other for other in self._held if self._overlap(place, other)]:
            return f"this service itself has {', '.join(ours)}, until it is restarted"
        by = describe_holders(Report(unbound=(place,)), self._host, (self._master.pid,))
        return f"{why}, {by}" if by else why

    def _overlap(self, place: str, other: str, ipv6only: bool | None = None) -> bool:
        """Tell whether two different addresses with one port exclude each other: ip(7), ipv6(7).

        ipv6only: IPV6_V6ONLY of *other*, if that is there already and it is known.
        """
        known = self._ipv6only.get(place if place.startswith(":::") else other)
        if ipv6only is None or place.startswith(":::"):
            ipv6only = known
        return overlap(place, other, ipv6only=self._by_default if ipv6only is None else ipv6only)

    @property
    def _by_default(self) -> bool:
        return self._host.read_from("/proc/sys/net/ipv6/bindv6only", 0).strip() == "1"


def _place(address: str, port: int, options: WantedSocket) -> str:
    """Return the place of an address; that of udp is another than that of TCP."""
    return f"{address.partition('%')[0]}:{port}{UDP if options.datagram else ''}"
