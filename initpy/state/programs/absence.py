"""The absence: what spares an action the look at every process of the host.

Whoever runs the daemon executes the file at its path, or one that stood there before. Of
the first the kernel tells in one call. Of the second a look at every process tells once:
where it finds nothing of this daemon, root writes down which file stands there. As long as
that one stands there, unchanged, and no folder on the way to it was renamed, nobody has
begun to execute another one. It is written down only of a file that a master was seen to
execute: there are programs that execute another one in their place, and then nobody ever
executes the file at the path.
"""

from __future__ import annotations

from ...host import Host
from ...service import Service
from ..record import circumstances, read_believed, record_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    Version = tuple[int, ...]  # device, inode and ctime of a file, and of each folder above it


def absence_path(service: Service) -> str:
    """Return the file in which an absence is written down."""
    return record_path(service, "absence")


def is_absent(service: Service, unused: Version, host: Host) -> bool:
    """Tell whether nothing on this host is of the daemon.

    unused: the version of the daemon's file, which nobody executes.
    """
    return read_believed(absence_path(service), host) == absence_text(unused, host)


def absence_text(program: Version, host: Host) -> str:
    """Return what is written down: when and where it was seen, and which file stood there."""
    return f"seen {circumstances(host)}\nprogram {' '.join(map(str, program))}\nend\n"
