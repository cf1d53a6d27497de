"""A daemon that is added as one folder, or one file: generated and driven without another edit."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest
from real_daemons import free_port, wait_until

import initpy
from initpy.daemons.nginx import NGINX
from initpy.tools.command import main

pytestmark = pytest.mark.real

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs", "adding-a-daemon.rst")
BASH = os.path.join(os.path.dirname(os.path.dirname(HERE)), "etc", "completions", "initpy.bash")


@pytest.fixture
def package(place):
    """Give a copy of the library with a third daemon: nginx under another name and other paths."""
    root = place.path("third")
    source = os.path.dirname(initpy.__file__)
    shutil.copytree(source, f"{root}/initpy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(NGINX.daemon, f"{root}/other-web")
    with open(f"{source}/daemons/nginx/__init__.py") as file:
        text = file.read()
    for old, new in (
        ("NGINX = ", "OTHER_WEB = "),
        ('name="nginx"', 'name="other-web"'),
        (NGINX.daemon, f"{root}/other-web"),
        (NGINX.config, f"{root}/web.conf"),
        (NGINX.pidfile, f"{root}/web.pid"),
    ):
        assert old in text
        text = text.replace(old, new)
    os.mkdir(f"{root}/initpy/daemons/other_web")
    with open(f"{root}/initpy/daemons/other_web/__init__.py", "w") as file:
        file.write(text)
    with open(f"{root}/web.conf", "w") as file:
        file.write(
            f"pid {root}/web.pid; error_log {root}/error.log; worker_processes 1; events {{}}\n"
            f"http {{ access_log off; server {{ listen unix:{root}/web.sock; }} }}\n"
        )
    with open(f"{root}/initpy.py", "w") as file:
        file.write(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {root!r})\ndel sys.path[1]\n"
            "from initpy.tools.command import main\nsys.exit(main())\n"
        )
    os.mkdir(f"{root}/bin")
    os.rename(f"{root}/initpy.py", f"{root}/bin/initpy")
    os.chmod(f"{root}/bin/initpy", 0o755)
    return root


def run(*words, **how):
    return subprocess.run(words, capture_output=True, text=True, check=False, **how)


def test_generated_and_driven(package):
    """Its script starts, shows, reloads, upgrades and stops it."""
    script = f"{package}/script"
    made = run(
        f"{package}/bin/initpy",
        *("generate", "other-web", "-o", script, "--config", f"{package}/web.conf"),
        *("--pidfile", f"{package}/web.pid"),
    )
    try:
        codes = [run(script, action).returncode for action in ("start", "status", "reload")]
        shutil.copy(NGINX.daemon, f"{package}/newer")
        os.rename(f"{package}/newer", f"{package}/other-web")
        codes += [run(script, action).returncode for action in ("upgrade", "stop", "status")]
    finally:
        run(script, "force-quit")

    assert (0, "") == (made.returncode, made.stderr)
    assert [0, 0, 0, 0, 0, 3] == codes
    wait_until(lambda: not os.path.exists(f"{package}/web.pid"), "its pidfile to be gone")


def test_completed(package):
    """The shell offers it, since it asks the command."""
    path = f"{package}/bin:{os.environ['PATH']}"

    told = run(
        *("bash", os.path.join(HERE, "offered.bash"), BASH, "initpy generate "),
        env={**os.environ, "PATH": path},
    )

    assert {"nginx", "other-web", "php-fpm"} <= set(re.findall("<([^>]*)>", told.stdout))


@pytest.fixture
def memcached(place):
    """Give the script of the page's declaration, with name, paths and port of its own."""
    with open(PAGE) as file:
        (block,) = re.findall(r"::? python\n\n((?:    .*\n|\n)+)", file.read())
    port, name = str(free_port()), f"{place.name}-memcached"
    text = re.sub(r"^    ", "", block, flags=re.MULTILINE)
    for public, private in (
        ('"memcached"', f'"{name}"'),
        ("/usr/bin/memcached", place.copy("/usr/bin/memcached", "sbin/memcached")),
        ("/run/memcached.pid", place.path("memcached.pid")),
        ("11211", port),
    ):
        assert public in text
        text = text.replace(public, private)
    place.write("memcached.py", text)
    place.settings(name, 'OPTIONS="-m 32 -c 99"\n')
    script = place.path("script")
    assert 0 == main(["generate", place.path("memcached.py"), "-o", script])
    os.unlink(place.path("memcached.py"))
    yield script, int(port)
    run(script, "force-quit")


def test_declared_on_the_page(place, memcached):
    """Its script, which needs no other file, starts, tells, restarts and stops it."""
    script, port = memcached

    codes = [run(script, action).returncode for action in ("start", "status", "restart")]
    ((process, title),) = place.processes().items()
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"version\r\n")
        said = client.recv(99)
    told = json.loads(run(script, "status", "--json").stdout)
    codes += [run(script, action).returncode for action in ("reload", "stop", "status")]

    assert [0, 0, 0, 3, 0, 3] == codes
    assert title.endswith(f"-l 127.0.0.1 -p {port} -m 32 -c 99")
    assert said.startswith(b"VERSION ")
    assert (process.pid, [f"127.0.0.1:{port}"]) == (told["master"], told["listening"])
    assert {} == place.processes()
