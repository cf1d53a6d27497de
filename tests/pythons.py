"""Other versions of Python, and the tests in virtual time with them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from cache import cached

# The tools of these tests. Two are held at their last versions for Python 3.9; and two are for
# Pythons before 3.11, for pip reads such conditions as its own Python has them.
TOOLS = (
    *("pytest<9", "iniconfig<2.2", "pytest-xdist", "hypothesis", "docutils"),
    *("exceptiongroup", "tomli"),
)
LIBRARIES = ("psutil", "python-daemon", "lockfile")  # where Debian's are not
WITHIN = 900  # seconds for all tests, or a download


def packages_for(version: str, *packages: str) -> Path:
    """Return the cached folder with packages of PyPI for a version of Python, say 3.9."""
    return cached(
        f"python{version}",
        packages,
        lambda new: _pip("install", "--target", new, "--python-version", version, *packages),
    )


def wheels_for(version: str, *packages: str) -> Path:
    """Return the cached folder with the same, as pip installs them from."""
    return cached(
        f"wheels{version}",
        packages,
        lambda new: _pip("download", "--dest", new, "--python-version", version, *packages),
    )


def _pip(command: str, *words: str | Path) -> None:
    pip = (sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "--only-binary=:all:", *words], check=True, timeout=WITHIN)


def unit_tests(python: str, tools: str | Path) -> tuple[str, ...]:
    """Return the command that runs the tests in virtual time in the current directory.

    tools: the folder in which this Python finds them, see ``packages_for``.
    """
    sample = ("INITPY_MODEL_EXAMPLES=25", "INITPY_TEST_EVERY=5")  # as scripts/test --fast
    # No other plugin that somebody has installed for this Python.
    pytest = ("-m", "pytest", "-q", "-p", "xdist.plugin", "-n", "2", "-p", "no:cacheprovider")
    where = ("-m", "not real", "-o", "testpaths=tests/unit initpy")
    environment = (*sample, f"PYTHONPATH={tools}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1")
    # What runs in the background ignores INT, and these tests look whether they get it.
    return ("env", "--default-signal", *environment, python, *pytest, *where)


def passed(said: str) -> int:
    """Return how many tests have passed, as pytest says; no other ended otherwise."""
    found = re.search(r"^(\d+) passed in ", said, re.MULTILINE)
    assert found, said
    return int(found[1])


def interpreter(version: str) -> str:
    """Return the path of an interpreter of a version: on PATH, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [*pyenv.glob(f"{version}.*/bin/python{version}")]
    path = str(found[0]) if found else shutil.which(f"python{version}")
    assert path, f"there is no Python {version}: install it, or build it with pyenv"
    return path
