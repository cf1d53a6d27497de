"""The source distribution: it holds the repository, installs by pip, and its tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile

import pytest
from machines import sh

import initpy

NAME = f"sysv_initpy-{initpy.__version__}"
SHARED = f"{NAME}.data/data/share/initpy/"


def output(*argv, **how):
    """Run a command with the environment of the caller, which knows where pip finds packages."""
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    ended = subprocess.run(argv, text=True, check=False, **both, **how)
    assert 0 == ended.returncode, ended.stdout
    return ended.stdout


def python(*words, by=sys.executable):
    """Run a command of Python; return what it said."""
    return output(by, *words)


@pytest.fixture(scope="module")
def sdist(clone, tmp_path_factory):
    """Return the sdist of a clean clone."""
    folder = tmp_path_factory.mktemp("sdist")
    python("-m", "build", "--sdist", "--outdir", folder, clone)
    return folder / f"{NAME}.tar.gz"


@pytest.fixture(scope="module")
def venv(sdist, tmp_path_factory):
    """Return an empty virtual environment in which the sdist was installed."""
    folder = tmp_path_factory.mktemp("venv")
    python("-m", "venv", folder, by="/usr/bin/python3")
    python("-m", "pip", "install", sdist, by=folder / "bin/python")
    return folder


def tracked(clone):
    return set(sh("git", "ls-files", cwd=clone).splitlines())


def test_sdist_holds_the_repository(clone, sdist):
    """No file of the repository is missing from it, and none of a build has got into it."""
    with tarfile.open(sdist) as archive:
        files = {member.name.partition("/")[2] for member in archive if member.isfile()}

    made = {name for name in files if name.startswith("sysv_initpy.egg-info/")} | {"PKG-INFO"}
    assert tracked(clone) == files - made


def test_wheel_holds_the_package(clone, sdist, tmp_path):
    """Every module and py.typed are in the wheel, and the checker; nothing else is."""
    python("-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, sdist)

    with zipfile.ZipFile(tmp_path / f"{NAME}-py3-none-any.whl") as wheel:
        files = {name for name in wheel.namelist() if ".dist-info/" not in name}
    checker = {name for name in files if name.startswith(SHARED)}
    assert {name for name in tracked(clone) if name.startswith("initpy/")} == files - checker
    assert "initpy/py.typed" in files
    assert f"{SHARED}scripts/check" in checker  # what "initpy check" runs
    assert {name.removeprefix(SHARED) for name in checker} <= tracked(clone)


def test_installed_command(venv):
    """In an empty virtual environment the installed command tells the version."""
    assert f"initpy {initpy.__version__}\n" == sh(venv / "bin/initpy", "--version")


def test_tests_of_the_sdist(sdist, tmp_path):
    """The inner loop passes in the unpacked sdist, with fewer sequences of the model."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path)
    environment = {**os.environ, "INITPY_MODEL_EXAMPLES": "20"}

    said = output("scripts/test", "--fast", cwd=tmp_path / NAME, env=environment)

    assert " passed" in said
    assert "failed" not in said
