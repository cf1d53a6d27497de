"""The action ``status``: it looks again before it says that a service does not run."""

from __future__ import annotations

from ..errors import StatusCode, WaitTimeout
from ..host import HERE, Host
from ..service import Service
from ..state.status import Status, look

_DECIDED = (StatusCode.RUNNING, StatusCode.UNKNOWN)
LOOKS = 2  # at a service that does not run, and of which nothing is starting
# The pidfile names a process that lives, and is no master: it may be executing itself anew.
DOUBT = 0.25  # seconds
STARTING = 5.0  # seconds for one that is starting


def status(service: Service, host: Host = HERE) -> Status:
    """Return the status of the service. Every state is a code (LSB 20.2), not an exception.

    While a daemon executes itself anew, or another action starts it, there is a moment
    without a master. A monitor that was told "dead" then would act on it.
    """
    seen = look(service, host)
    if seen.code in _DECIDED:
        return seen
    from ..host.wait import wait_until

    looks, began = 1, host.monotonic()

    def doubtful() -> bool:
        pid = seen.snapshot.pidfile.pid
        return bool(pid and host.find(pid)) and host.monotonic() - began < DOUBT

    def decided() -> bool:
        nonlocal seen, looks
        if seen.code in _DECIDED:
            return True
        expected = seen.snapshot.starting or seen.snapshot.executing
        if looks >= LOOKS and not expected and not doubtful():
            return True
        looks += 1
        seen = look(service, host, again=True)
        return False

    try:
        wait_until(decided, within=STARTING, host=host, what=f"{service.name} to be up")
    except WaitTimeout:
        return seen
    return seen
