"""The fixtures of this folder: a disk with the packages installed, and a machine that is up."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

pytest.register_assert_rewrite("booting", "real_daemons", "real_load")

from booting import Disk, booted, write_site  # noqa: E402
from cache import built_debs, copied_tree  # noqa: E402
from debian_root import daemons_root  # noqa: E402

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py"]


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


@pytest.fixture
def disk(tmp_path, folder, installed):
    """Give a disk of one's own with our packages."""
    return Disk(folder / tmp_path.name, *installed.layers)


@pytest.fixture(scope="module")
def machine(folder, installed):
    """Give a machine that is up, and is left so: for tests that each begin with that."""
    with booted(Disk(folder / "machine", *installed.layers)) as up:
        yield up
