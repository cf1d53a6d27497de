"""What takes long to make, made once: kept in $XDG_CACHE_HOME/initpy, or ~/.cache/initpy."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from commands import completed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TREE = Path(__file__).parents[1]
WITHIN = 300  # seconds for a build


def cached(name: str, recipe: object, make: Callable[[Path], object]) -> Path:
    """Return the folder of the cache that ``make(folder)`` has filled, now or in an earlier run.

    recipe: what it is made from: of another recipe another folder is made.

    One process makes it while others wait. It is there when it is whole.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "initpy"
    cache.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]
    path = cache / f"{name}-{digest}"
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            new = cache / f"{path.name}.new"
            if new.exists():  # half made
                shutil.rmtree(new)
            new.mkdir()
            make(new)
            new.rename(path)
    return path


def copied_tree(to: Path) -> Path:
    """Copy this repository as it is, without what Git ignores; return the copy."""
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    listed = completed([*git, "--exclude-standard"], within=WITHIN, cwd=TREE)
    assert 0 == listed.returncode, listed
    for name in filter(None, listed.stdout.split("\0")):
        if (TREE / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TREE / name, to / name)
    return to


def built_debs(tree: Path) -> Path:
    """Return the folder with the .debs that are built of *tree*, and their .changes."""

    def build(folder: Path) -> None:
        copy = shutil.copytree(tree, folder / "initpy", ignore=shutil.ignore_patterns(".git"))
        command = ["dpkg-buildpackage", "-us", "-uc", "-b"]
        built = completed(command, within=WITHIN, cwd=copy, LC_ALL="C.UTF-8", HOME=str(folder))
        assert 0 == built.returncode, built.stdout
        shutil.rmtree(copy)

    return cached("debs", contents(tree), build)


def contents(tree: Path) -> list[tuple[str, int, str]]:
    """Return the name, mode and digest of each file, but for Git's own."""
    files = [path.relative_to(tree) for path in tree.rglob("*") if path.is_file()]
    return sorted(
        (str(name), (tree / name).stat().st_mode, _digest(tree / name))
        for name in files
        if ".git" not in name.parts
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
