"""The environment variables that list inherited sockets (fpm_sockets.c)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...host import Listener

SET = 128  # sockets in one variable: the kernel takes no string of 128 KiB (execve(2))


def environment(listeners: Sequence[Listener]) -> Mapping[str, str]:
    """Return ``FPM_SOCKETS="127.0.0.1:9000=4,/run/x.sock=5"``: places and descriptors.

    More than fit in a set go to ``FPM_SOCKETS_1``, ``FPM_SOCKETS_2``, ... as php-fpm itself
    does (fpm_sockets_cleanup; PHP 7.1 and newer).
    """
    pairs = [f"{listener.place}={listener.fd}" for listener in listeners]
    sets = [pairs[start : start + SET] for start in range(0, len(pairs), SET)]
    return {
        f"FPM_SOCKETS_{number}" if number else "FPM_SOCKETS": ",".join(one)
        for number, one in enumerate(sets)
    }
