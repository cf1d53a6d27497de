"""Resource limits and the nice level of a program that is started: getrlimit(2), nice(2)."""

from __future__ import annotations

import os

from .users import become

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Union

    from .users import Account

    # Soft and hard; -1 for no limit, and None for one that stays as it is.
    Limits = tuple[Union[int, None], Union[int, None]]

_UNLIMITED = -1  # RLIM_INFINITY
_INIT = 1
_NOFILE_BY_SYSTEMD = (1024, 524288)


def set_limits(
    nice: int, limits: Mapping[str, Limits], account: Account | None = None
) -> None:  # pragma: no cover - in the child of a fork
    """Set the limits and the nice level of this process, and then, for good, its user."""
    if limits:
        import resource

        for name, wanted in limits.items():
            number = getattr(resource, name)
            soft, hard = resource.getrlimit(number)
            soft = soft if wanted[0] is None else wanted[0]
            hard = hard if wanted[1] is None else wanted[1]
            if wanted[0] is None and _beyond(soft, hard):
                soft = hard  # as the kernel has it: setrlimit(2)
            resource.setrlimit(number, (soft, hard))
    if nice:
        os.nice(nice)
    if account is not None:
        become(account.uid, account.gid, account.groups, account.capabilities)


def _beyond(soft: int, hard: int) -> bool:  # pragma: no cover - in the child of a fork
    return hard != _UNLIMITED and (soft == _UNLIMITED or soft > hard)


def come_near(
    name: str, values: tuple[int, int]
) -> None:  # pragma: no cover - in the child of a fork
    """Set a limit. If it is refused, come as near to it as our hard limit lets us; raise."""
    import resource

    number = getattr(resource, name)
    try:
        resource.setrlimit(number, values)
    except (OSError, ValueError):
        most = resource.getrlimit(number)[1]
        beyond = values[0] == resource.RLIM_INFINITY or values[0] > most
        resource.setrlimit(number, (most if beyond else values[0], most))
        raise


def limits_of(pid: int) -> dict[str, tuple[int, int]]:
    """Return the limits of a process; none if we may not read them."""
    import resource

    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    names.remove("RLIMIT_OFILE")  # an older name of RLIMIT_NOFILE
    try:
        return {name: resource.prlimit(pid, getattr(resource, name)) for name in names}
    except OSError:
        return {}


def start_limits() -> dict[str, tuple[int, int]]:
    """Return the limits of what is started at boot, whoever calls us now.

    They are those of init. systemd keeps its own limit of open files for itself, and gives
    others that of ``DefaultLimitNOFILE=``: systemd-system.conf(5).
    """
    limits = limits_of(_INIT)
    if os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        limits["RLIMIT_NOFILE"] = _NOFILE_BY_SYSTEMD
    return limits


def adopt_limits(
    limits: Mapping[str, tuple[int, int]],
) -> None:  # pragma: no cover - in the child of a fork
    """Give this process those limits, as far as it may have them."""
    for name, values in limits.items():
        try:
            come_near(name, values)
        except (OSError, ValueError):
            continue
