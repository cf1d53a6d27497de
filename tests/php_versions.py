"""Debian 12 with three versions of PHP-FPM: its own, that of Debian 11 and that of Debian 13.

Whoever has several takes them from a repository that builds them all for one Debian. Here
they are the packages of their own suites, with the libraries that they need.
"""

from __future__ import annotations

import subprocess

from cache import cached
from debian_root import APT, Root, daemons_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = ("7.4", "8.2", "8.4")
# What comes from which suite. A newer C library is good for the older programs, too.
SUITES = {
    "bullseye": (
        *(f"php7.4-{part}" for part in ("fpm", "cli", "common", "json", "opcache")),
        "libssl1.1",
        "libffi7",
    ),
    "trixie": (
        *(f"php8.4-{part}" for part in ("fpm", "cli", "common", "opcache")),
        "libc6",
        "libc-bin",
    ),
}
# php-common of a Debian breaks the versions of PHP of the others.
FORCED = ("--force-depends", "--force-breaks", "--force-unsafe-io")
WITHIN = 900  # seconds; a download may be slow


def versions_root() -> Root:
    """Return the cached root in which all of them are installed."""

    def make(new: Path) -> None:
        new.rmdir()
        root = daemons_root().copy(new)
        sources = new / "etc/apt/sources.list.d/others.list"
        suites = [f"deb http://deb.debian.org/debian {suite} main\n" for suite in SUITES]
        sources.write_text("".join(suites))
        wanted = [f"{name}/{suite}" for suite, names in SUITES.items() for name in names]
        (new / "debs").mkdir()
        for command in ((*APT, "update"), (*APT, "download", *wanted)):
            subprocess.run(
                ["unshare", "--root", new, "--wd", "/debs", *command],
                stdin=subprocess.DEVNULL,
                check=True,
                timeout=WITHIN,
            )
        root.forbid_starts()
        for group in ("libc*", "lib[!c]*", "php*"):
            debs = [f"/debs/{deb.name}" for deb in (new / "debs").glob(f"{group}.deb")]
            root.run("dpkg", *FORCED, "--install", *debs)
        root.run("rm", "-r", "/debs", "/etc/apt/sources.list.d/others.list")
        root.allow_starts()

    return Root(cached("bookworm-versions", (SUITES, FORCED), make))
