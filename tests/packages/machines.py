"""Machines for the packages to be installed on, and other packages."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from commands import completed
from debian_root import Root

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

PACKAGES = ("initpy-nginx", "initpy-php-fpm", "python3-initpy")
BUILD = "dpkg-buildpackage -us -uc -b"  # as the README says
WITHIN = 300  # seconds for a build


def sh(*argv: str | Path, cwd: Path | None = None) -> str:
    """Run a command on the host; return what it said. A failure shows that."""
    with TemporaryDirectory() as home:  # rpm leaves a database there
        finished = completed(argv, within=WITHIN, cwd=cwd, LC_ALL="C.UTF-8", HOME=home)
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


def repacked(deb: Path, to: Path, edit) -> Path:
    """Return *deb* with a greater version, and its files as *edit* has changed them."""
    tree = to / "tree"
    sh("dpkg-deb", "--raw-extract", deb, tree)
    control = tree / "DEBIAN" / "control"
    lines = control.read_text().splitlines()
    control.write_text(
        "".join(f"{line}+newer\n" if line.startswith("Version:") else f"{line}\n" for line in lines)
    )
    edit(tree)
    sh("dpkg-deb", "--build", "--root-owner-group", tree, to)
    shutil.rmtree(tree)
    (new,) = to.glob(f"{deb.name.partition('_')[0]}_*+newer_*.deb")
    return new


class Machine(Root):
    """A Debian that begins as *root*, and commands of its administrator."""

    def __init__(self, root: Root, folder: Path) -> None:
        """Keep what changes in *folder*. No package starts a service."""
        super().__init__(root.path, folder)
        for layer in ("upper", "work", "root", "mnt"):
            (folder / layer).mkdir()
        self.mnt = folder / "mnt"  # seen as /mnt
        self.forbid_starts()

    def sh(self, script: str) -> str:
        """Run a shell script; return what it said."""
        return self.run("sh", "-ec", script).stdout

    def dpkg(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run dpkg as a script does: no questions, and no waiting for the disk."""
        return self.run("dpkg", "--force-unsafe-io", "--force-confold", *words, check=check)

    def put(self, debs: list[Path]) -> list[str]:
        """Copy files where the machine sees them; return their names there."""
        return ["/mnt/" + Path(shutil.copy(deb, self.mnt)).name for deb in debs]

    def install(self, debs: list[Path]) -> None:
        """Install packages by their files."""
        self.dpkg("--install", *self.put(debs))

    def service(self, name: str, action: str) -> tuple[int, str]:
        """Return exit code and output of ``service NAME ACTION``."""
        finished = self.run("service", name, action, check=False)
        return finished.returncode, finished.stdout

    def python(self) -> str:
        """Return the version of its Python, say 3.11."""
        return self.sh("python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'").strip()

    def read(self, path: str) -> str:
        """Return the text of a file."""
        return self.run("cat", path).stdout

    def files(self) -> set[str]:
        """Return everything that a package may leave behind, a line for each.

        That is path, mode, and target or size; the texts in /etc by their sums.
        What the package manager itself remembers is left out, but for its
        diversions, and the order that insserv finds scripts in.
        """
        return set(self.sh(_FILES).splitlines())


_FILES = r"""
find / \( -path /proc -o -path /dev -o -path /tmp -o -path /mnt -o -path /var/lib/dpkg \
    -o -path /var/lib/apt -o -path /var/log -o -path /var/cache \) -prune \
    -o -path '/etc/init.d/.depend.*' \
    -o -type l -printf '%p -> %l\n' \
    -o -type f -printf '%p %m %s\n' \
    -o -printf '%p %y %m\n'
find /etc -type f ! -path '/etc/init.d/.depend.*' -exec sha256sum {} +
for file in /etc/init.d/.depend.*; do
    echo $file: $(tr ' ' '\n' <$file | sort)
done
paste - - - </var/lib/dpkg/diversions
"""
