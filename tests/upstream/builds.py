"""nginx and php-fpm as their authors release them, built with their own prefixes.

The source is that of Debian's source packages, without Debian's patches: so php-fpm dies of
HUP. Built once, in some minutes, and kept in a cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from cache import cached
from debian_root import SUITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("nginx", "php8.2")
# What is asked of each configure. Without optimization php is built in half of the time.
NGINX = ("--prefix=/usr/local/nginx",)
PHP = (
    *("--prefix=/usr/local/php", "--disable-all", "--enable-fpm"),
    *("--disable-cli", "--disable-cgi", "--disable-phpdbg", "CFLAGS=-O0"),
)
# Built by phpize as an extension of others would be. "php.ini" is left without it.
EXTENSION = "ctype"

SOURCES = f"""Types: deb-src
URIs: http://deb.debian.org/debian
Suites: {SUITE}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
# In the folder that is to be filled; what is built is moved to usr/local in the end.
FETCH = """
mkdir -p lists/partial parts
cat >parts/source.sources
apt="apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$PWD/parts
    -o Dir::State::Lists=$PWD/lists -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o APT::Sandbox::User=root"
$apt update
$apt source --download-only "$@"
for archive in *.orig.tar.*z; do
    tar xf "$archive"
done
"""
BUILD = """
cd "$1"
shift
nice -n 5 ./configure "$@"
nice -n 5 make -j2
make install DESTDIR="$PWD/../installed" INSTALL_ROOT="$PWD/../installed"
"""
# At the path that it was built for, which nobody else sees there.
EXTEND = """
mount --bind installed/usr/local /usr/local
cd php-*/ext/"$1"
/usr/local/php/bin/phpize
nice -n 5 ./configure --with-php-config=/usr/local/php/bin/php-config
make
make install
"""
WITHIN = 1800  # seconds for one of these; alone on two cores it takes a tenth of it


def upstream() -> Path:
    """Return the folder that stands for /usr/local; in it are ``nginx`` and ``php``.

    ``php/init.d.php-fpm`` is the script that PHP's authors ship.
    """

    def make(folder: Path) -> None:
        _sh(folder, FETCH, *PACKAGES, text=SOURCES)
        (nginx,) = folder.glob("nginx-*/")
        (php,) = folder.glob("php-*/")
        _sh(folder, BUILD, nginx, *NGINX)
        _sh(folder, BUILD, php, *PHP)
        _sh(folder, EXTEND, EXTENSION, enter=("unshare", "--mount"))
        local = folder / "installed/usr/local"
        shutil.copy(php / "sapi/fpm/init.d.php-fpm", local / "php")
        for path in list(folder.iterdir()):
            if path.name != "installed":
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    made = cached("upstream", (SUITE, PACKAGES, NGINX, PHP, EXTENSION, FETCH, BUILD, EXTEND), make)
    return made / "installed/usr/local"


def _sh(
    folder: Path, script: str, *words: str | Path, text: str = "", enter: tuple[str, ...] = ()
) -> None:
    """Run a shell script in the folder. Raises CalledProcessError, having shown what it said."""
    done = subprocess.run(
        [*enter, "sh", "-euc", script, "sh", *words],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-10000:])  # noqa: T201 - pytest shows it
        done.check_returncode()


if __name__ == "__main__":
    print(upstream())  # noqa: T201 - the command's answer
