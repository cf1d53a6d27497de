"""Another program may start the same service at the same moment.

At boot all scripts run at once, and two of them may be for one daemon. What descends from
our launcher is ours; a master of this service that does not is a rival's. It stays, and no
signal is sent to it: the service runs, which is what was asked for.
"""

from __future__ import annotations

from ...errors import InitError
from ...host import Host
from ...service import Service
from ...state.scan import note_strangers
from ..stable import wait_until_stable
from .launch import Launch
from .started import Started
from .taken import refuse_taken


def launch_unless_rival(service: Service, host: Host) -> Started | None:
    """Start the daemon, as ``launch`` does. None if a rival was faster: its master is there.

    It is not started if another process listens where it would: see ``refuse_taken``. The
    caller verifies a rival's master as any that runs already.
    """
    try:
        refuse_taken(service, host)
        note_strangers(service, host)
        with Launch(service, host) as started:
            if service.start_post:
                from .steps import run_steps

                run_steps(service, "start_post", host, started.master)
            return started.commit()
    except InitError:
        rival = wait_until_stable(service, host, thorough=True).master
        if rival is None:
            raise
    host.tell(f"another program has started it at the same moment: master {rival}")
    return None
