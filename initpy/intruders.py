"""Children of a master that are not its workers: a new binary that hangs.

Born of an upgrade, they hold the service's sockets for as long as they live.
"""

from __future__ import annotations

from .census import INFANCY
from .draining import drain
from .host import Host, Process, ProcessFacts
from .identity import is_worker, looks_like_master
from .killing import end
from .schedule import parse_schedule
from .service import Service
from .serving import serving_workers
from .wait import wait_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def end_intruders(
    service: Service, master: Process, host: Host, *, spare: Collection[Process] = ()
) -> None:
    """End every child of *master* that is not its worker, with all that they have started.

    One that serves is let finish its requests; the rest is hung, and was born
    with nginx's own signals blocked: only KILL is heard. Raises WaitTimeout.
    """

    def strangers() -> list[ProcessFacts]:
        looks = (host.look(pid) for pid in host.children(master))
        return [
            facts
            for facts in looks
            if facts and facts.process not in spare and not is_worker(service, facts.title)
        ]

    def infants() -> list[ProcessFacts]:
        # A worker bears its master's title for its first 1 to 4 ms.
        return [
            facts
            for facts in strangers()
            if looks_like_master(service, facts.title) and host.age(facts.process) < INFANCY
        ]

    wait_until(
        lambda: not infants(),
        within=service.timeout,
        host=host,
        what=f"the children of master {master} to say what they are",
    )
    found = [facts.process for facts in strangers()]
    for process in found:
        if serving_workers(service, process, host):
            drain(service, [process], host, what="new master")
    hung = [process for intruder in found for process in family(intruder, host)]
    end(hung, parse_schedule("KILL/5"), host, what="new master")


def family(process: Process, host: Host) -> list[Process]:
    """Return *process* and all its descendants."""
    children = [host.find(pid) for pid in host.children(process)]
    return [process, *(kin for child in children if child for kin in family(child, host))]
