"""A daemon that is added as one folder: generated, completed and driven without another edit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
from real_daemons import wait_until

import initpy
from initpy.daemons.nginx import NGINX

pytestmark = pytest.mark.real

HERE = os.path.dirname(os.path.abspath(__file__))
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
