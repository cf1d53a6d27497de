"""The library's actions in a program with threads."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.real

# What its threads leave behind is destroyed wherever garbage is collected. That takes a lock:
# in the child of a fork it would be waited for without an end.
PROGRAM = """
import sys, threading
import initpy
from initpy.daemons.nginx import NGINX

daemon, config, pidfile, acting = sys.argv[1:]
service = NGINX.replace(
    daemon=daemon,
    config=config,
    default_config=config,
    pidfile=pidfile,
    limits={"RLIMIT_CORE": (0, 0)},
)
lock, over = threading.RLock(), threading.Event()

class Kept:
    def __init__(self):
        self.itself = self
    def __del__(self):
        with lock:
            pass

def work():
    while not over.wait(0.001):
        with lock:
            for _ in range(1000):
                Kept()

def act():
    try:
        for action in ("start", "reload", "upgrade", "reopen", "restart", "stop"):
            getattr(initpy, action)(service)
            print(action, flush=True)
    finally:
        over.set()

working = threading.Thread(target=work)
working.start()
if acting == "main":
    act()
else:
    other = threading.Thread(target=act)
    other.start()
    other.join()
working.join()
"""


@pytest.mark.parametrize("acting", ["main", "other"])
def test_program_with_threads(nginx, acting):
    """Each action does what it does without threads, by whichever of them, and nothing warns."""
    facts = (nginx.daemon, nginx.config, nginx.pidfile)
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", PROGRAM, *facts, acting],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert 0 == done.returncode, done.stderr
    assert ["start", "reload", "upgrade", "reopen", "restart", "stop"] == done.stdout.split()
    assert "" == done.stderr
    assert {} == nginx.place.processes()
