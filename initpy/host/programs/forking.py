"""fork(2), in programs with threads, too: the actions are offered to any program.

In the child of a fork only the thread that has forked goes on. A lock that another thread
held is never released there, so Python 3.12 warns of each fork in a program with threads.
Our children take no such lock: they execute a program, or make a few system calls and end.
What they import is imported before, and no destructor of the program's objects runs in them.
"""

from __future__ import annotations

import os


def fork() -> int:
    """Fork as os.fork() does. The child runs nothing but what the caller has it run.

    The warning is switched off for this module alone, and not for the program's own forks.
    """
    threads = len(os.listdir("/proc/self/task"))
    if threads == 1:
        return os.fork()
    import gc
    import warnings

    warnings.filterwarnings("ignore", category=DeprecationWarning, module=rf"{__name__}\Z")
    pid = os.fork()
    if pid == 0:
        gc.disable()
    return pid
