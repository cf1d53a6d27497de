"""Where these tests run: each suite of Debian, and each version of Python, is a row.

By default only the first suite; with INITPY_TEST_MATRIX=1, as scripts/matrix sets it, all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

pytest.register_assert_rewrite("booting", "real_daemons", "real_load")

from booting import Disk, booted, write_site  # noqa: E402
from cache import cached, contents, copied_tree  # noqa: E402
from debian_root import building_root, daemons_root  # noqa: E402
from machines import BUILD, Machine  # noqa: E402

ALL = os.environ.get("INITPY_TEST_MATRIX") == "1"
SUITES = ("trixie", "bullseye", "bookworm", "sid")[: None if ALL else 1]
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")  # sid's is 3.14
TOO_OLD = ("3.6", "3.7", "3.8")

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py", *([] if ALL else ["test_pythons.py"])]

# Reloads of php-fpm cut no request then.
INSTALL = """
dpkg --install /srv/*.deb
echo RELOAD=takeover >>/etc/default/{fpm}
"""


def pytest_collection_modifyitems(items):
    """Mark what stands in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.matrix)


def pytest_generate_tests(metafunc):
    """Have each test run on each suite, or with each version, that it names."""
    for name, rows in (("suite", SUITES), ("python", PYTHONS), ("too_old", TOO_OLD)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, rows, scope="module")


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """Return a copy of this tree, as it is."""
    return copied_tree(tmp_path_factory.mktemp("tree") / "initpy")


@pytest.fixture(scope="module")
def debs(suite, tree):
    """Build the packages on that suite; return their files."""

    def build(new):
        with tempfile.TemporaryDirectory() as folder:
            machine = Machine(building_root(suite), Path(folder))
            shutil.copytree(tree, machine.mnt / "initpy")
            machine.sh(f"cd /mnt/initpy; {BUILD}")
            for deb in machine.mnt.glob("*.deb"):
                shutil.copy(deb, new)

    return sorted(cached(f"{suite}-debs", contents(tree), build).glob("*.deb"))


@pytest.fixture
def debian(suite, tmp_path):
    """Return a machine of that suite with Debian's nginx and php-fpm."""
    return Machine(daemons_root(suite), tmp_path)


@pytest.fixture(scope="module")
def fpm(suite):
    """Return the name of Debian's script of php-fpm."""
    (script,) = (daemons_root(suite).path / "etc/init.d").glob("php*-fpm")
    return script.name


@pytest.fixture(scope="module")
def folder(suite):
    """Give a folder beside the cached root: the layers of a disk are on one file system."""
    path = Path(tempfile.mkdtemp(prefix="boot-", dir=daemons_root(suite).path.parent))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def machine(suite, folder, fpm, debs):
    """Give a machine of that suite that is up, with our packages, and a site in PHP."""
    disk = Disk(folder / "machine", daemons_root(suite).path)
    write_site(disk, fpm)
    (disk.written / "srv").mkdir()
    for deb in debs:
        shutil.copy(deb, disk.written / "srv")
    disk.run("sh", "-euc", INSTALL.format(fpm=fpm))
    with booted(disk) as up:
        yield up
