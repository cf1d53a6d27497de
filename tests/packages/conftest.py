"""The packages, built once from a clean clone, and machines to install them on."""

from __future__ import annotations

from pathlib import Path

import pytest
from cache import built_debs
from debian_root import bare_root, daemons_root
from machines import Machine, repacked, sh

REPOSITORY = Path(__file__).parents[2]

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py"]


def pytest_collection_modifyitems(items):
    """Mark what stands in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.package)


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """Return a clean clone of the repository."""
    clone = tmp_path_factory.mktemp("build") / "initpy"
    sh("git", "-c", "safe.directory=*", "clone", "-q", REPOSITORY, clone)
    return clone


@pytest.fixture(scope="session")
def built(clone):
    """Return the folder with the .debs and their .changes."""
    return built_debs(clone)


@pytest.fixture(scope="session")
def debs(built):
    """Return the .debs."""
    return sorted(built.glob("*.deb"))


@pytest.fixture(scope="session")
def newer(debs, tmp_path_factory):
    """Return the .debs of a later version, in which every wrapper is another one."""
    folder = tmp_path_factory.mktemp("newer")

    def edit(tree):
        for wrapper in (*tree.glob("etc/initpy/*"), *tree.glob("usr/share/initpy/php*")):
            with wrapper.open("a") as file:
                file.write("# newer\n")

    return [repacked(deb, folder, edit) for deb in debs]


@pytest.fixture
def bare(tmp_path):
    """Return a machine with sysvinit and nothing else."""
    return Machine(bare_root(), tmp_path)


@pytest.fixture
def debian(tmp_path):
    """Return a machine on which Debian's nginx and php-fpm are installed."""
    return Machine(daemons_root(), tmp_path)
