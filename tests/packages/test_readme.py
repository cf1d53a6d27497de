"""The README, followed: every command in it is run, and what it shows is what is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from conformance import sandbox
from machines import BUILD, sh

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.rst").read_text()

# The first words of each block of commands, and the test that runs the block.
TESTED = {
    "scripts/quickstart": "test_two_commands",
    "dpkg-buildpackage": "test_debian_packages",
    "rpmbuild": "test_red_hat_packages",
    "apt-get install python3-venv": "test_virtual_environment",
    "/opt/initpy/bin/initpy install": "test_another_instance",
}
NGINX = """\
pid /run/nginx-rtmp.pid;
events {}
http { server { listen 127.0.0.1:8080; } }
"""
# What has happened before each command of the session.
BEFORE = (
    "/etc/init.d/nginx start; cp /usr/sbin/nginx /usr/sbin/new; mv /usr/sbin/new /usr/sbin/nginx",
    "",
    "echo 'oops;' >>/etc/nginx/nginx.conf",
    """\
sed -i '$d' /etc/nginx/nginx.conf
cp /usr/sbin/nginx /usr/sbin/good
printf '#!/bin/sh\\ncase " $* " in *" -t "*) exec /usr/sbin/good "$@";; esac\\nexit 1\\n' >new
chmod 755 new
mv new /usr/sbin/nginx
""",
)


def blocks(language):
    """Return the text of every block of the README in a language."""
    pattern = rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)"
    return [dedent(text).strip() for text in re.findall(pattern, README, re.MULTILINE)]


def block(test):
    """Return the block of commands that a test runs."""
    (first,) = [first for first, tested in TESTED.items() if tested == test]
    (text,) = [text for text in blocks("sh") if text.startswith(first)]
    return text


def session():
    """Return each command that the README shows, and what it prints."""
    (text,) = blocks("console")
    steps = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [tuple(part.strip() for part in step.split("\n", 1)) for step in steps]


def plain(said):
    """Return a text without what differs from run to run: pids, times, waits, number of workers."""
    said = re.sub(r"^.*waiting for .*, \d+ s\n", "", said, flags=re.MULTILINE)
    said = re.sub(r"\d+ workers?, up .*", "N workers, up N", said)
    return re.sub(r"\d+(/\d+)*(?!\d*$)", "N", said.strip())


def on_the_host(command):
    """Run a command in the repository; return what it says."""
    ended = subprocess.run(
        ["sh", "-ec", command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert 0 == ended.returncode, ended.stdout
    return ended.stdout


def follow(_machine, checkout, scripts, environment):
    """Run scripts in a private copy of this machine; return code and output of each."""
    results = []
    for script in scripts:
        ended = subprocess.run(
            ["sh", "-c", script],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        results.append((ended.returncode, ended.stdout))
    return results


@pytest.fixture(scope="module")
def followed(clone, tmp_path_factory):
    """Follow the README on a copy of this machine, which has no network; return what was said."""
    wheels = tmp_path_factory.mktemp("wheels")
    on_the_host(f"{sys.executable} -m pip wheel --wheel-dir {wheels} {clone} setuptools wheel")
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }
    shown = [line for before, (command, _) in zip(BEFORE, session()) for line in (before, command)]
    rtmp = f"mkdir -p /opt/rtmp/sbin; cp /usr/sbin/good /opt/rtmp/sbin/nginx; printf '{NGINX}' "
    scripts = {
        "environment": "set -e\n" + block("test_virtual_environment"),
        "php-fpm": "/etc/init.d/php-fpm start && /etc/init.d/php-fpm status",
        **dict(enumerate(shown)),
        "rtmp": f"{rtmp}>/opt/rtmp/nginx.conf",
        "instance": "set -e\n" + block("test_another_instance"),
        "both": "/etc/init.d/nginx-rtmp start && /etc/init.d/nginx stop",
        "rest": "/etc/init.d/nginx-rtmp status; /etc/init.d/nginx status",
    }
    results = sandbox.run(follow, str(clone), list(scripts.values()), environment)
    return dict(zip(scripts, results))


def test_every_command_is_tested():
    """No block of commands in the README is unknown here, and none has another form."""
    firsts = [next(f for f in (*TESTED, text) if text.startswith(f)) for text in blocks("sh")]

    assert list(TESTED) == firsts
    assert set(TESTED.values()) <= set(globals())
    assert len(BEFORE) == len(session())
    assert {"sh", "console"} == set(re.findall(r"code-block:: (\w+)", README))
    assert not re.search(r"::\n\n ", README.replace(".. code-block::", ""))


def test_two_commands():
    """Quickstart loses no request, and the test command runs tests."""
    quickstart, tests = block("test_two_commands").splitlines()
    command, comment, _ = tests.partition(" #")

    toured = on_the_host(quickstart)
    tested = on_the_host(f"{command} tests/unit/test_schedule.py")

    assert "\n0 requests lost in all" in toured
    assert " passed" in tested
    assert comment


def test_debian_packages(debs, debian):
    """They are built, and apt installs them: the scripts stand in place of Debian's."""
    build, install = block("test_debian_packages").splitlines()
    debian.put(debs)

    debian.sh(f"mkdir /mnt/initpy; cd /mnt/initpy; {install}")

    assert BUILD == build
    for script in ("nginx", "php-fpm"):
        assert "from initpy" in debian.read(f"/etc/init.d/{script}")


def test_red_hat_packages(clone):
    """They are built."""
    assert "Wrote: " in sh("sh", "-ec", block("test_red_hat_packages"), cwd=clone)


def test_virtual_environment(followed):
    """A virtual environment of root's is good enough for a script, which runs."""
    code, said = followed["environment"]
    assert 0 == code, said
    code, said = followed["php-fpm"]
    assert 0 == code, said
    assert "php-fpm: running, master" in said


@pytest.mark.parametrize("number", range(len(BEFORE)))
def test_session(followed, number):
    """What the README shows is what the script prints, but for pids and times."""
    _, shown = session()[number]

    code, said = followed[2 * number]
    assert 0 == code, said
    _, said = followed[2 * number + 1]
    assert plain(shown) == plain(said)


def test_another_instance(followed):
    """It gets a script of its own, and runs on when the first one is stopped."""
    for step in ("rtmp", "instance", "both"):
        code, said = followed[step]
        assert 0 == code, (step, said)
    code, said = followed["rest"]

    assert "nginx-rtmp: running, master" in said
    assert "nginx: stopped" in said
    assert 3 == code
