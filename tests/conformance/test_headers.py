"""The wrappers of three instances, read by the programs that read init scripts.

All of it happens in private copies of the machine: nothing is registered on it.
"""

import glob
import os
import re
import subprocess

import pytest

from conformance import sandbox
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.host import Host
from initpy.service import Service
from initpy.tools.detect import choose, detect_service
from initpy.tools.init_script import render, with_header

pytestmark = pytest.mark.conformance

INSTANCES = {
    "nginx": (NGINX, "/run/nginx.pid"),
    "nginx-rtmp": (NGINX, "/run/nginx-rtmp.pid"),
    "php-fpm-blog": (PHP_FPM, "/run/php/blog.pid"),
}
PYTHON = {"interpreter": "/usr/bin/python3", "folders": ["/usr/lib/python3/dist-packages"]}
# What insserv.conf takes for the system's facilities, on a host that boots with init scripts.
SYSTEM = ("mountall", "mountnfs", "networking", "rsyslog", "bind9")
# A declaration that says nothing of its header.
OWN = Service(name="own", daemon="/usr/bin/sleep", pidfile="/run/own.pid", start_args=("9",))
STUB = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          {name}
# Required-Start:
# Required-Stop:
# Default-Start:     S
# Default-Stop:
### END INIT INFO
"""
CONTROL = """\
Package: three-instances
Version: 1
Architecture: all
Section: admin
Priority: optional
Maintainer: Nobody <nobody@example.com>
Depends: python3
Description: three init scripts
 They are read, never run.
"""


@pytest.fixture(scope="module")
def wrappers():
    """Give name -> text of the wrappers, as a package for Debian's Python has them."""
    found = {}
    for name, (declared, pidfile) in INSTANCES.items():
        given = {"name": name, "pidfile": pidfile}
        (installed,) = choose(declared, given, "", Host())
        service = detect_service(installed, given, Host())
        found[name] = render(service, declared, **PYTHON)
    return {**found, OWN.name: render(with_header(OWN), **PYTHON)}


def run(*command):
    """Return the exit code of a command, and what it said."""
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout


def lay(folder, wrappers):
    """Write the wrappers as files."""
    os.makedirs(folder, exist_ok=True)
    for name, text in wrappers.items():
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o755)


def become_sysvinit(wrappers):
    """Leave of /etc what a small host with init scripts has, with the wrappers."""
    for path in (*glob.glob("/etc/init.d/*"), *glob.glob("/etc/rc?.d/*")):
        os.unlink(path)
    lay("/etc/init.d", {name: STUB.format(name=name) for name in SYSTEM})
    lay("/etc/init.d", wrappers)


def test_insserv_accepts(wrappers):
    """``insserv -n`` says nothing against them, and would enable them."""

    def inside(_machine):
        become_sysvinit(wrappers)
        return [run("insserv", *SYSTEM), run("insserv", "-n", "-v", *wrappers)]

    system, (code, said) = sandbox.run(inside)

    assert [0, ""] == system
    assert 0 == code, said
    assert set() == set(re.findall("warning|FATAL|loop", said)), said
    assert [] == [name for name in wrappers if f"enable service ../init.d/{name} " not in said]


def test_update_rc_d_accepts(wrappers):
    """``update-rc.d NAME defaults`` makes the links of every runlevel, for each."""

    def inside(_machine):
        become_sysvinit(wrappers)
        run("insserv", *SYSTEM)
        said = [run("update-rc.d", name, "defaults") for name in wrappers]
        links = sorted(glob.glob("/etc/rc?.d/*"))
        return said, [(link, os.readlink(link)) for link in links]

    said, links = sandbox.run(inside)

    assert [[0, ""]] * len(wrappers) == said
    for name in wrappers:
        levels = [link[7] for link, target in links if target == f"../init.d/{name}"]
        assert list("0123456") == sorted(levels), name


def test_generator_accepts(wrappers):
    """The generator of systemd makes a unit of each, with its pidfile, reload and description."""

    def inside(_machine):
        become_sysvinit(wrappers)
        for path in glob.glob("/lib/systemd/system/nginx.service"):
            os.unlink(path)  # a native unit goes before a script
        for name in wrappers:
            run("update-rc.d", name, "defaults")
        folders = [f"/run/units/{name}" for name in ("normal", "early", "late")]
        for folder in folders:
            os.makedirs(folder)
        said = run("/lib/systemd/system-generators/systemd-sysv-generator", *folders)
        units = {}
        for name in wrappers:
            with open(f"/run/units/late/{name}.service") as file:
                units[name] = file.read()
        return said[0], units

    code, units = sandbox.run(inside)

    assert 0 == code
    assert "Description=LSB: own" in units["own"].splitlines()
    for name, (declared, pidfile) in INSTANCES.items():
        lines = units[name].splitlines()
        for line in (
            f"Description=LSB: {declared.lsb['Short-Description']}",
            "After=network-online.target",
            "RemainAfterExit=no",
            f"PIDFile={pidfile}",
            f"ExecReload=/etc/init.d/{name} reload",
        ):
            assert line in lines, (name, line)


def test_lintian_accepts(wrappers, tmp_path):
    """Lintian has one thing to say of each: that it is a Python script, whose Python may go.

    The script ends quietly without the library, and a package with it depends on python3.
    """
    root = tmp_path / "root"
    lay(root / "etc/init.d", wrappers)
    control = root / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(CONTROL)
    (control / "conffiles").write_text("".join(f"/etc/init.d/{name}\n" for name in wrappers))
    for script, action in (("postinst", "defaults"), ("postrm", "remove")):
        calls = "".join(f"update-rc.d {name} {action} >/dev/null\n" for name in wrappers)
        (control / script).write_text(f"#!/bin/sh\nset -e\n{calls}")
        (control / script).chmod(0o755)
    package = str(tmp_path / "three-instances_1_all.deb")
    built = run("dpkg-deb", "--root-owner-group", "--build", str(root), package)
    assert 0 == built[0], built

    code, said = run("lintian", "--allow-root", "-C", "init-d", "--pedantic", "-I", package)

    assert 0 == code, said
    tag = "W: three-instances: init.d-script-uses-usr-interpreter /usr/bin/python3"
    expected = sorted(f"{tag} [etc/init.d/{name}:1]" for name in wrappers)
    assert expected == sorted(said.splitlines())
