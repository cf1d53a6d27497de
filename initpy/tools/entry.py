"""Where the ``initpy`` command begins: Ctrl-C ends it at any moment without a traceback."""

from __future__ import annotations

import _signal

_INT = _signal.SIGINT


def main() -> int:
    """Run the command; return its exit code, or die of SIGINT, as a shell expects."""
    handled = _signal.getsignal(_INT) == _signal.default_int_handler
    if handled:  # nohup(1) had it ignored otherwise
        _signal.signal(_INT, _signal.SIG_DFL)  # nothing is to be undone while modules are loaded
    from ..console import standard_console
    from .command import main as run

    try:
        if handled:
            _signal.signal(_INT, _signal.default_int_handler)
        return run()
    except KeyboardInterrupt:
        _signal.signal(_INT, _signal.SIG_DFL)
        standard_console(quiet=False).complain("initpy: interrupted")
        _signal.raise_signal(_INT)
        raise
