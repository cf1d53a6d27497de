"""The fixtures of this folder: a disk with the packages installed, and a machine that is up."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

pytest.register_assert_rewrite("booting", "real_daemons", "real_load")

from booting import INITPY, Disk, booted, write_site  # noqa: E402
from cache import TREE, built_debs, copied_tree  # noqa: E402
from debian_root import daemons_root  # noqa: E402

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py"]

COMMAND = """#!/usr/bin/python3
import sys
sys.path.insert(0, "/opt/initpy")
from initpy.tools.command import main
sys.exit(main())
"""


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """Build the packages of this tree, as it is; return their files."""
    tree = copied_tree(tmp_path_factory.mktemp("packages") / "tree")
    return sorted(built_debs(tree).glob("*.deb"))


@pytest.fixture(scope="session")
def folder():
    """Give a folder beside the cached root: the layers of a disk are on one file system."""
    if os.geteuid() != 0:
        raise AssertionError("only root boots a machine: run these tests as root")
    path = Path(tempfile.mkdtemp(prefix="boot-", dir=daemons_root().path.parent))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def debian(folder):
    """Give a disk with Debian's nginx and php-fpm, and a site, as Debian starts them."""
    disk = Disk(folder / "debian", daemons_root().path)
    write_site(disk)
    return disk


@pytest.fixture(scope="session")
def installed(folder, debian, packages):
    """Give a disk with our packages installed, too."""
    disk = Disk(folder / "installed", *debian.layers)
    (disk.written / "srv").mkdir()
    for package in packages:
        shutil.copy(package, disk.written / "srv")
    disk.run("sh", "-c", "dpkg --install /srv/*.deb")
    return disk


@pytest.fixture(scope="session")
def stock(folder, debian):
    """Give a disk with Debian's scripts, and initpy of this tree beside them, in /opt/initpy."""
    disk = Disk(folder / "stock", *debian.layers)
    shutil.copytree(
        TREE / "initpy",
        disk.written / "opt/initpy/initpy",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    disk.write(INITPY, COMMAND, 0o755)
    return disk


@pytest.fixture(scope="session")
def taken_over(folder, stock):
    """Give a disk on which initpy has installed its scripts in the place of Debian's."""
    disk = Disk(folder / "taken-over", *stock.layers)
    for daemon in ("nginx", "php-fpm"):
        disk.run(INITPY, "install", daemon)
    return disk


@pytest.fixture
def disk(tmp_path, folder, installed):
    """Give a disk of one's own with our packages."""
    return Disk(folder / tmp_path.name, *installed.layers)


@pytest.fixture(scope="module")
def machine(folder, installed):
    """Give a machine that is up, and is left so: for tests that each begin with that."""
    with booted(Disk(folder / "machine", *installed.layers)) as up:
        yield up
