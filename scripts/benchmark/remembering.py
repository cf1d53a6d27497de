"""The memory that an action needs."""

from __future__ import annotations

import os

import looking
from measuring import circumstances, ensure, prepare
from namespace import INTERPRETER
from peers import ACTIONS, Floor, initpy_words, run
from promises import FAILS
from sites import SCRATCH, Fpm, Nginx

# What a wrapper's process, and the largest of those that it runs, had in
# memory. The kernel's own account of a child begins with that of whoever
# forked it, so the process tells itself.
REMEMBER = """
import os, posix, sys

def tell(code):
    if os.getpid() == wrapper:
        import resource
        with open("/proc/self/status") as file:
            own = next(line.split()[1] for line in file if line.startswith("VmHWM"))
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        with open(path, "w") as file:
            file.write(f"{own} {children}")
    leave(code)

leave, posix._exit, wrapper = posix._exit, tell, os.getpid()
path, *sys.argv = sys.argv[1:]
with open(sys.argv[0]) as file:
    exec(compile(file.read(), sys.argv[0], "exec"))
"""


def remembered(site, action):
    """Return KiB of the wrapper's own process, and of the largest of its children."""
    prepare(site, action)
    words = initpy_words(site, "start" if action == "recover" else action)
    path = f"{SCRATCH}/memory"
    code = run([INTERPRETER, "-IS", "-c", REMEMBER, path, *words])
    if code != FAILS.get(action, 0):
        raise SystemExit(f"{action} of {site.kind}, to see its memory: exit {code}")
    own, children = looking.read(path).split()
    os.unlink(path)
    return {"own": int(own), "children": int(children)}


def memory():
    """Return KiB of every action of both daemons."""
    rows = []
    for site in (Nginx(), Fpm()):
        for action in (*ACTIONS[site.kind], "recover"):
            ensure(Floor(), site)
            with circumstances(site, action):
                rows.append({"kind": site.kind, "action": action, **remembered(site, action)})
        site.clear()
    return rows
