"""The examples of docs/library.rst, as they stand there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from real_daemons import free_port

pytestmark = pytest.mark.real

PAGE = Path(__file__).parents[2] / "docs" / "library.rst"


def code_block(sign):
    """Return the Python block of the page in which *sign* stands."""
    blocks = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", PAGE.read_text())
    (block,) = [block for block in blocks if sign in block]
    return re.sub(r"^    ", "", block, flags=re.MULTILINE)


@pytest.fixture
def redis(place):
    """Give the page's init script for redis, with paths and port of its own."""
    port = str(free_port())
    text = code_block("REDIS = Service(")
    for public, private in (
        ("/run/redis.pid", place.path("redis.pid")),
        ("/etc/redis/redis.conf", place.path("redis.conf")),
        ("6379", port),
    ):
        assert public in text
        text = text.replace(public, private)
    script = place.write("redis", f"#!{sys.executable} -I\n{text}", 0o755)
    place.write("redis.conf", f'bind 127.0.0.1\ndir {place.root}\nsave ""\n')

    def act(*arguments):
        return subprocess.run([script, *arguments], capture_output=True, text=True, check=False)

    def ping():
        client = subprocess.run(
            ["redis-cli", "-p", port, "ping"], capture_output=True, text=True, check=False
        )
        return client.stdout.strip()

    try:
        yield act, ping
    finally:
        act("force-quit")


def test_redis_is_a_whole_init_script(redis):
    """The example starts, tells, restarts and stops a redis that stays in the foreground."""
    act, ping = redis

    codes = [act("start").returncode]
    answers = [ping()]
    codes += [act(action).returncode for action in ("status", "restart", "status")]
    answers.append(ping())
    codes += [act(action).returncode for action in ("reload", "upgrade", "stop", "status", "stop")]

    assert [0, 0, 0, 0, 3, 3, 0, 3, 0] == codes
    assert ["PONG", "PONG"] == answers


def test_heart_of_the_upgrade(nginx):
    """The page's five lines upgrade a real nginx."""
    import initpy

    nginx.start()
    names = {name: getattr(initpy, name) for name in initpy.__all__}
    names |= {"service": nginx.service, "SIGUSR2": signal.SIGUSR2, "SIGQUIT": signal.SIGQUIT}

    exec(code_block("new = wait_for_oldbin"), names)

    assert names["old"] != names["new"]
    nginx.see_gone(names["old"])
    assert names["new"] == nginx.master
    assert not os.path.exists(nginx.service.oldbin)


def test_example_of_the_manual(nginx):
    """The script of initpy(3) starts, reloads and stops a daemon that it knows nothing else of."""
    manual = PAGE.parents[1] / "man" / "initpy.3"
    (text,) = re.findall(r"^\.Bd .*\n(#!(?:.*\n)*?)\.Ed", manual.read_text(), re.MULTILINE)
    for public, private in (
        ("#!/usr/bin/python3 -I", f"#!{sys.executable} -I"),
        ("/usr/sbin/foo", nginx.daemon),
        ("/run/foo.pid", nginx.pidfile),
        ("/etc/foo.conf", nginx.config),
    ):
        assert public in text
        text = text.replace(public, private)
    script = nginx.place.write("foo", text, 0o755)

    codes = [
        subprocess.run([script, action], check=False).returncode
        for action in ("start", "reload", "status", "stop", "status")
    ]

    assert [0, 0, 0, 0, 3] == codes
    assert {} == nginx.place.processes()
