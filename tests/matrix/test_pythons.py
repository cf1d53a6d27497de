"""Other versions of Python than those of Debian."""

from __future__ import annotations

import subprocess

import pytest
from pythons import LIBRARIES, TOOLS, interpreter, packages_for, passed, unit_tests

from initpy.daemons.nginx import NGINX
from initpy.tools.init_script import render


def test_virtual_time(python, tree, record_property):
    """The tests in virtual time pass with that version."""
    argv = unit_tests(interpreter(python), packages_for(python, *TOOLS, *LIBRARIES))

    ended = subprocess.run(argv, cwd=tree, capture_output=True, text=True, check=False)

    record_property("unit tests", passed(ended.stdout))


@pytest.mark.parametrize(("action", "code"), [("status", 4), ("start", 1), ("stop", 1)])
def test_too_old(too_old, tree, tmp_path, action, code):
    """A script says in one line which version is needed."""
    script = tmp_path / "nginx"
    text = render(NGINX, NGINX, interpreter=interpreter(too_old), folders=[str(tree)])
    script.write_text(text)
    script.chmod(0o755)

    ended = subprocess.run([script, action], capture_output=True, text=True, check=False)

    assert (code, "", 1) == (ended.returncode, ended.stdout, ended.stderr.count("\n"))
    assert f"needs Python 3.9 or later, and this is Python {too_old}" in ended.stderr


def test_command_of_one_that_is_too_old(too_old, tree, record_property):
    """So does the command."""
    argv = [interpreter(too_old), "-m", "initpy.tools.command", "--version"]

    ended = subprocess.run(argv, cwd=tree, capture_output=True, text=True, check=False)

    sentence = f"initpy needs Python 3.9 or later, and this is Python {too_old}\n"
    assert (1, "", sentence) == (ended.returncode, ended.stdout, ended.stderr)
    record_property("unit tests", "refused")
