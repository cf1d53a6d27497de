"""Workers whose master is dead, beside a master that serves."""

from __future__ import annotations

from .draining import drain
from .host import Host, Process
from .service import Service
from .survey import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def finish_orphans(service: Service, host: Host, known: Iterable[Process] = ()) -> None:
    """Let orphans finish their requests and see them gone; then nothing is unfinished.

    known: those that we have made ourselves. Others are looked for: a master
           that was killed meanwhile has left its workers behind, and they
           accept. Raises WaitTimeout if one outlives even KILL.
    """
    drain(service, [one for one in known if host.find(one.pid) == one], host)
    while orphans := survey(service, host, thorough=True).orphans:
        drain(service, orphans, host, what="workers of a dead master")
    host.remove(service.oldbin)
