"""What a start has made."""

from __future__ import annotations

from ...errors import InitError
from ...host import Process
from ...value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...contracts import Pool


class Started(Value):
    """What a start has made: a master that serves, and everything else that it has left running."""

    master: Process
    helpers: tuple[Process, ...]
    session: int  # of the launcher: nothing else was started in it
    pools: tuple[Pool, ...] = ()  # of the configuration that it has read
    idle: tuple[str, ...] = ()  # the pools that do not serve


def refuse_idle_pools(started: Started) -> None:
    """Raise InitError if some pools do not serve: the others go on."""
    if started.idle:
        raise InitError(
            f"master {started.master} serves, but no worker of pool "
            f"{', '.join(started.idle)} lives: see its log"
        )
