"""Whether a worker of gunicorn has loaded the application: then its heart beats."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...host import NamelessFile

_PREFIX = "/wgunicorn-"
_NEW_MODE = 0o600  # of mkstemp(3)
_NEVER = 1e9  # seconds since the epoch; a file that was made, and not set, is younger


def beats(files: Sequence[NamelessFile]) -> bool:
    """Tell whether a worker is in its loop, by the file that its master watches.

    Each turn of the loop touches it (WorkerTmp.notify): to version 20 by fchmod(2), with 0
    and 1 by turns; since then by utime(2), with seconds of monotonic time. The first
    turn follows the loading of the application (Worker.init_process).
    """
    hearts = [one for one in files if _PREFIX in one.path]
    return any(one.mode != _NEW_MODE or one.modified < _NEVER for one in hearts)
