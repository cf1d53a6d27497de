"""The RPMs: built by Debian's rpm, and their files and scriptlets tried on a Debian."""

from __future__ import annotations

import re

import pytest
from machines import sh

SERVICES = ("nginx", "php-fpm")
LEGACY = "/usr/libexec/initscripts/legacy-actions"


@pytest.fixture(scope="session")
def rpms(clone, tmp_path_factory):
    """Return the packages by their names."""
    top = tmp_path_factory.mktemp("rpmbuild")
    sh("rpmbuild", "-bb", "--define", f"_topdir {top}", "packaging/rpm/initpy.spec", cwd=clone)
    return {path.name.partition("-0.")[0]: path for path in top.glob("RPMS/noarch/*.rpm")}


@pytest.fixture(scope="session")
def scriptlets(rpms):
    """Return the text of each scriptlet, by package and kind."""
    found = {}
    for name, path in rpms.items():
        said = sh("rpm", "-qp", "--scripts", path)
        parts = re.split(r"^(\w+) scriptlet \(using /bin/sh\):\n", said, flags=re.MULTILINE)
        found.update({(name, kind): text for kind, text in zip(parts[1::2], parts[2::2])})
    return found


@pytest.fixture
def red_hat(debian, rpms):
    """Return a machine with the files of the packages, and a chkconfig that is only noted."""
    for path in rpms.values():
        sh("rpm2archive", path)
    archives = debian.put([path.with_name(f"{path.name}.tgz") for path in rpms.values()])
    for archive in archives:
        debian.run("tar", "-xf", archive, "-C", "/")
    # The library where Debian's Python finds it, and Debian's chkconfig is not Red Hat's.
    debian.sh("ls -d /usr/lib/python3.*/site-packages >/usr/lib/python3/dist-packages/rpm.pth")
    debian.sh(
        "printf '#!/bin/sh\\necho chkconfig $*\\n' >/sbin/chkconfig; chmod +x /sbin/chkconfig"
    )
    return debian


def test_paths(rpms):
    """Scripts, settings, library and legacy actions are where a Red Hat has them."""
    files = {name: sh("rpm", "-qlp", path).split() for name, path in rpms.items()}

    for service in SERVICES:
        assert {
            f"/etc/rc.d/init.d/{service}",
            f"/etc/sysconfig/{service}",
            f"{LEGACY}/{service}/configtest",
            f"{LEGACY}/{service}/upgrade",
        } <= set(files[f"initpy-{service}"])
    library = files["python3-initpy"]
    assert "/usr/bin/initpy" in library
    assert [f for f in library if re.fullmatch(r"/usr/lib/python3\.\d+/site-packages/initpy", f)]


def test_facts_of_php_fpm(red_hat):
    """Wrapper and settings of php-fpm name Red Hat's paths."""
    wrapper = red_hat.read("/etc/rc.d/init.d/php-fpm")
    settings = red_hat.read("/etc/sysconfig/php-fpm")

    assert 'daemon="/usr/sbin/php-fpm",\n' in wrapper
    assert 'config="/etc/php-fpm.conf",\n' in wrapper
    assert "\n# pidfile: /run/php-fpm/php-fpm.pid\n" in wrapper
    assert "8.2" not in wrapper + settings


def test_folders_of_the_library(red_hat):
    """The wrappers import from where the library is packaged, for that version of Python."""
    wrapper = red_hat.read("/etc/rc.d/init.d/nginx")

    folders = re.findall(
        r'^    "/usr/lib\d*/python(3\.\d+)/site-packages",$', wrapper, re.MULTILINE
    )
    assert [folders[0]] == re.findall(r'^        python="(.*)",$', wrapper, re.MULTILINE)


def test_scriptlets_are_clean_shell(scriptlets, tmp_path):
    """Shellcheck finds nothing in them."""
    scripts = []
    for (name, kind), text in scriptlets.items():
        scripts.append(tmp_path / f"{name}.{kind}")
        scripts[-1].write_text("#!/bin/sh\n" + text)

    said = sh("shellcheck", *scripts)

    assert "" == said
    for service in SERVICES:
        assert (f"initpy-{service}", "postinstall") in scriptlets
        assert (f"initpy-{service}", "preuninstall") in scriptlets


@pytest.mark.parametrize("service", SERVICES)
def test_registration(red_hat, scriptlets, service):
    """A service is registered by installation and upgrade, and not any more after erasure."""

    def said(kind, left):
        script = scriptlets[f"initpy-{service}", kind]
        return red_hat.run("sh", "-ec", script, "scriptlet", left).stdout

    assert f"chkconfig --add {service}\n" == said("postinstall", "1")
    assert f"chkconfig --add {service}\n" == said("postinstall", "2")
    assert "" == said("preuninstall", "1")
    assert f"chkconfig --del {service}\n" == said("preuninstall", "0")


def test_legacy_upgrade(red_hat):
    """What service(8) runs for "service nginx upgrade" upgrades it."""
    said = red_hat.sh(f"""
        /usr/sbin/nginx
        until [ -s /run/nginx.pid ]; do sleep 0.01; done  # it is written in the background
        old=$(cat /run/nginx.pid)
        {LEGACY}/nginx/configtest
        {LEGACY}/nginx/upgrade
        new=$(cat /run/nginx.pid)
        test "$old" != "$new"
        /etc/rc.d/init.d/nginx status
        echo "is $new"
    """)

    new = said.split()[-1]
    assert f"nginx: running, master {new}," in said
