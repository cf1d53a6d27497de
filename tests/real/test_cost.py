"""What a wrapper costs over the start of its interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import pytest
from test_imports import COSTLY

pytestmark = pytest.mark.real

RUNS = 30

ACTIONS = (
    "status",
    "configtest",
    "reopen",
    "reload",
    "force-reload",
    "start",
    "restart",
    "try-restart",
    "upgrade",
    "stop",
    "force-quit",
)
# php-fpm's configuration is read with regular expressions.
READING = {"collections", "enum", "functools", "re"}
READERS = {
    "nginx": set(),
    "php-fpm": {"reopen", "reload", "force-reload", "restart", "try-restart", "upgrade"},
}
# What starts the daemon makes itself a subreaper, or copies sockets; what foresees a reload
# looks at paths as the master sees them: by ctypes.
STARTERS = {
    "nginx": {"restart", "try-restart"},
    "php-fpm": {"reload", "force-reload", "restart", "try-restart", "upgrade"},
}


# Does an action, and prints what is imported after its first signal.
WATCHED = """
import _signal, sys
from initpy.host import Host
sent, imported, send = [], [], _signal.pidfd_send_signal

def watched(fd, sig, *more):
    sent.extend([sig] if sig else [])
    return send(fd, sig, *more)

def leave(host, code):
    print(*imported, file=sys.stderr, flush=True)
    raise SystemExit(code)

_signal.pidfd_send_signal, Host.leave = watched, leave
sys.argv = sys.argv[1:]
with open(sys.argv[0]) as file:
    program = compile(file.read(), sys.argv[0], "exec")
sys.addaudithook(lambda event, args: event == "import" and sent and imported.append(args[0]))
exec(program, {"__name__": "__main__"})
"""


def timed(argv):
    began = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def loaded_by(wrapper, action):
    """Return the modules that an action loads beyond an empty program."""
    ended = [
        subprocess.run(
            [sys.executable, "-I", "-X", "importtime", *words],
            capture_output=True,
            text=True,
            check=True,
        )
        for words in (["-c", "pass"], [wrapper, action])
    ]
    least, most = (
        {line.split("|")[2].strip() for line in run.stderr.splitlines() if "import time:" in line}
        for run in ended
    )
    return most - least


@pytest.mark.parametrize("action", ACTIONS)
def test_what_an_action_loads(site, action):
    """Done to a running service, an action pays for what it does and for nothing else."""
    site.start()

    loaded = loaded_by(site.wrapper, action)

    needed = READING if action in READERS[site.kind] else set()
    needed = needed | ({"ctypes"} if action in STARTERS[site.kind] else set())
    assert needed == loaded & COSTLY


@pytest.mark.parametrize("action", ["reload", "upgrade", "restart"])
def test_nothing_is_loaded_after_a_signal(site, action):
    """An import may fail, and nothing may be left half done."""
    site.start()
    command = [sys.executable, "-I", "-c", WATCHED, site.wrapper, action]

    ended = subprocess.run(command, capture_output=True, text=True, check=True)

    assert [] == ended.stderr.splitlines()[-1].split()


def test_status_costs_little_more_than_the_interpreter(nginx, capsys):
    """The median time of status is at most 1.5 times that of an empty program."""
    nginx.start()
    bare, status = [], []

    for _ in range(RUNS):  # alternating, since a machine's speed drifts
        bare.append(timed([sys.executable, "-I", "-c", "pass"]))
        status.append(timed([nginx.wrapper, "status"]))

    ratio = statistics.median(status) / statistics.median(bare)
    modules = " ".join(sorted(name for name in loaded_by(nginx.wrapper, "status") if name))
    with capsys.disabled():  # to be seen
        print(f"\nstatus costs {ratio:.2f} times an empty program ({RUNS} runs)")  # noqa: T201
        print(f"status loads {modules}")  # noqa: T201
    assert ratio <= 1.5
