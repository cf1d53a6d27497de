"""The Debian packages on a Debian 12 with sysvinit."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import pytest
from debian_root import APT
from machines import PACKAGES, repacked, sh

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = ("nginx", "php8.2-fpm")
LIBRARY = "/usr/lib/python3/dist-packages/initpy"
ACTIONS = ("start", "restart", "try-restart", "reload", "force-reload", "upgrade", "configtest")


def is_wrapper(text):
    return "from initpy" in text


def in_place(machine):
    """Assert that both wrappers are where the daemons' own scripts were."""
    for name in SCRIPTS:
        assert is_wrapper(machine.read(f"/etc/init.d/{name}"))
        assert "start-stop-daemon" in machine.read(f"/etc/initpy/{name}.distrib")


def test_lintian(built):
    """Lintian has nothing to say, however pedantic."""
    (changes,) = built.glob("*.changes")

    said = sh("lintian", "--pedantic", "--info", "--allow-root", changes)

    assert "" == said


def test_overrides_have_reasons():
    """Every override of lintian's says why above it."""
    overrides = list((REPOSITORY / "debian").glob("*.lintian-overrides"))

    for path in overrides:
        for above, line in zip(["", *path.read_text().splitlines()], path.read_text().splitlines()):
            assert line.startswith("#") or above.startswith("#"), line
    assert overrides


def test_maintainer_scripts(debs, tmp_path):
    """They are clean shell."""
    scripts = []
    for deb in debs:
        control = tmp_path / deb.stem
        sh("dpkg-deb", "--control", deb, control)
        scripts += [path for path in control.iterdir() if re.search("inst$|rm$", path.name)]

    said = sh("shellcheck", *scripts)

    assert "" == said
    assert len(scripts) >= 4


def test_bare_debian(bare, debs):
    """On a bare Debian apt installs them with their daemons in one run, all registered."""
    bare.run(*APT, "install", *bare.put(debs))

    in_place(bare)
    for name in SCRIPTS:
        bare.sh(f"test -x /etc/rc2.d/S??{name} -a -x /etc/rc0.d/K??{name}")
        assert 3 == bare.service(name, "status")[0]
    links = bare.sh("cd /etc/rc2.d; ls -d S*php8.2-fpm S*nginx").split()
    assert links[0].endswith("php8.2-fpm")  # before nginx, as its wrapper wants it
    assert "" == bare.dpkg("--audit").stdout


def test_diverted_scripts_are_nobodys_service(debian, debs):
    """Whoever looks for services finds each once, and insserv has no complaint."""
    debian.install(debs)

    statuses = debian.run("service", "--status-all").stdout
    insserv = debian.run("/usr/sbin/insserv", "--verbose").stdout

    found = [line.split()[-1] for line in statuses.splitlines()]
    assert {"nginx", "php8.2-fpm", "php-fpm"} == {n for n in found if re.search("nginx|php", n)}
    assert [] == [line for line in insserv.splitlines() if "php-fpm" in line or "distrib" in line]
    started = debian.sh("ls /etc/rc2.d").split()
    assert 2 == len([name for name in started if re.search("nginx|php", name)])
    assert not re.search("warning|script .* is", insserv)


def test_both_names_of_php_fpm(debian, debs):
    """Debian's name and the one without a version are the same script."""
    debian.install(debs)

    said = [debian.service(name, "status") for name in ("php8.2-fpm", "php-fpm")]

    assert [(3, "php8.2-fpm: stopped\n")] * 2 == said


def test_remove(debian, debs):
    """Removed, they have put the daemons' own scripts back, and keep the wrappers."""
    before = debian.files()
    debian.install(debs)
    in_place(debian)

    debian.dpkg("--remove", *PACKAGES)

    after = debian.files()
    assert before <= after
    left = {word for line in after - before for word in line.split() if word.startswith("/")}
    files = {"/etc/initpy/php8.2-fpm", "/etc/default/php8.2-fpm"}
    written = "/var/lib/initpy-php-fpm"
    folders = {written + at for at in ("", "/etc", "/etc/default", "/etc/initpy")}
    expected = {"/etc/initpy", "/etc/initpy/nginx", *files, *(written + file for file in files)}
    assert expected | folders == left


def test_purge(debian, debs):
    """Purged, they have left nothing, and nothing is other than before."""
    before = debian.files()
    debian.install(debs)
    assert 7 == debian.service("nginx", "reload")[0]
    debian.run("test", "-d", "/run/initpy")

    debian.dpkg("--purge", *PACKAGES)

    assert before == debian.files()


def test_reinstall(debian, debs):
    """Installed again, after a removal or over themselves, they are as the first time."""
    debian.install(debs)
    first = debian.files()

    debian.dpkg("--remove", *PACKAGES)
    debian.install(debs)
    again = debian.files()
    debian.install(debs)

    assert first == again
    assert first == debian.files()


def test_upgrade(debian, debs, newer):
    """An upgrade brings the new wrappers, and is removed as cleanly."""
    before = debian.files()
    debian.install(debs)

    debian.install(newer)

    in_place(debian)
    for name in SCRIPTS:
        assert debian.read(f"/etc/init.d/{name}").endswith("# newer\n")
    debian.dpkg("--purge", *PACKAGES)
    assert before == debian.files()


def test_edited_wrapper(debian, debs, newer):
    """The administrator's changes of a wrapper outlive upgrade and removal, not a purge."""
    before = debian.files()
    debian.install(debs)
    debian.sh("echo '# mine' >>/etc/init.d/nginx")

    debian.install(newer)
    debian.dpkg("--remove", *PACKAGES)
    debian.install(debs)

    assert debian.read("/etc/init.d/nginx").endswith("# mine\n")
    debian.dpkg("--purge", *PACKAGES)
    assert before == debian.files()


def test_edited_by_rename(debian, debs, newer):
    """So do changes by a tool that replaces the link: sed -i."""
    before = debian.files()
    debian.install(debs)
    debian.run("sed", "-i", "$ a # mine", "/etc/init.d/nginx")

    debian.install(newer)
    upgraded = debian.read("/etc/init.d/nginx")
    debian.dpkg("--remove", *PACKAGES)
    removed = debian.read("/etc/init.d/nginx")
    debian.install(debs)

    assert upgraded.endswith("# mine\n")
    assert not is_wrapper(removed)
    assert debian.read("/etc/init.d/nginx").endswith("# mine\n")
    debian.dpkg("--purge", *PACKAGES)
    assert before == debian.files()


def test_local_script_of_the_other_name(debian, debs):
    """An /etc/init.d/php-fpm of the administrator's is left alone."""
    debian.sh("echo '# mine' >/etc/init.d/php-fpm")
    before = debian.files()

    debian.install(debs)

    assert "# mine\n" == debian.read("/etc/init.d/php-fpm")
    debian.dpkg("--purge", *PACKAGES)
    assert before == debian.files()


def test_diverted_before(debian, debs):
    """A script that the administrator has diverted, as initpy install does, is left alone."""
    for name in SCRIPTS:
        kept = f"/etc/initpy/{name}.distrib"
        debian.sh(f"mkdir -p /etc/initpy; dpkg-divert --local --divert {kept} /etc/init.d/{name}")
        debian.sh(f"cp -a /etc/init.d/{name} {kept}; echo '# mine' >>/etc/init.d/{name}")
    before = debian.files()

    debian.install(debs)

    for name in SCRIPTS:
        assert debian.read(f"/etc/init.d/{name}").endswith("# mine\n")
    debian.dpkg("--purge", *PACKAGES)
    assert before == debian.files()


@pytest.fixture
def newer_nginx_common(debian, tmp_path):
    """Return an nginx-common whose own script is another one."""
    (deb,) = (debian.path / "var/cache/apt/archives").glob("nginx-common_*.deb")

    def edit(tree):
        with (tree / "etc/init.d/nginx").open("a") as file:
            file.write("# newer nginx\n")

    (tmp_path / "newer").mkdir()
    return repacked(deb, tmp_path / "newer", edit)


def test_daemon_is_upgraded(debian, debs, newer_nginx_common):
    """A script that comes with an upgrade of the daemon goes where the old one is."""
    debian.install(debs)

    debian.install([newer_nginx_common])

    in_place(debian)
    debian.dpkg("--purge", *PACKAGES)
    assert debian.read("/etc/init.d/nginx").endswith("# newer nginx\n")


def test_daemon_is_purged(debian, debs):
    """Nothing of a wrapper outlives a daemon that is purged."""
    debian.install(debs)

    debian.run("apt-get", "-y", "-qq", "purge", "nginx", "nginx-common")
    debian.dpkg("--purge", "initpy-nginx")

    left = debian.sh("ls -A /etc/init.d /etc/initpy /etc/rc?.d; dpkg-divert --list initpy-nginx")
    assert "nginx" not in left
    assert is_wrapper(debian.read("/etc/init.d/php8.2-fpm"))


@pytest.mark.parametrize("gone", ["nginx", "python3-initpy"])
def test_removed_not_purged(debian, debs, gone):
    """Without its daemon, or library, a wrapper ends quietly: Debian Policy 9.3.2."""
    debian.install(debs)
    debian.dpkg("--remove", "--force-depends", gone)

    said = {action: debian.service("nginx", action) for action in ACTIONS}

    assert dict.fromkeys(ACTIONS, (0, "")) == said
    assert 0 == debian.service("nginx", "stop")[0]
    assert 3 == debian.service("nginx", "status")[0]


def test_compiled_modules_are_left(debian, debs):
    """Nor do compiled modules, which Python may leave behind, make a library."""
    debian.install(debs)
    debian.dpkg("--remove", "--force-depends", "python3-initpy")
    debian.sh(f"mkdir -p {LIBRARY}/actions/__pycache__; touch {LIBRARY}/actions/__pycache__/x.pyc")

    said = {action: debian.service("nginx", action) for action in ACTIONS}

    assert dict.fromkeys(ACTIONS, (0, "")) == said
    assert (0, "") == debian.service("nginx", "stop")
    assert (3, "") == debian.service("nginx", "status")


def test_modules_compiled_meanwhile(debian, debs):
    """Modules that a wrapper compiled during the removal go with the package, and no more."""
    before = debian.files()
    debian.install(debs)
    debian.sh(f"touch {LIBRARY}/__pycache__/cli.cpython-399.pyc {LIBRARY}/host/mine")

    debian.dpkg("--purge", *PACKAGES)

    left = {line.split()[0] for line in debian.files() - before}
    assert {LIBRARY, f"{LIBRARY}/host", f"{LIBRARY}/host/mine"} == left
    debian.sh(f"rm -r {LIBRARY}")
    assert before == debian.files()


@pytest.mark.parametrize(
    "change",
    [
        f"rm {LIBRARY}/host/files.py",
        f"rm {LIBRARY}/__init__.py; : >{LIBRARY}/cli.py",
        f"mv {LIBRARY}/cli.py {LIBRARY}/cli.py.dpkg-new",
    ],
)
def test_half_unpacked(debian, debs, change):
    """A library that is there, but not whole, is a failure: nginx runs, and is not stopped."""
    debian.install(debs)
    script = f"""
        service nginx start >/dev/null
        {change}
        for action in {" ".join(ACTIONS)} stop status; do
            code=0
            service nginx $action >/mnt/said 2>&1 || code=$?
            echo "$action $code $(cut -d : -f 1,2 /mnt/said)"
        done
        pgrep -c -f 'nginx: [m]aster'
    """

    said = debian.sh(script).splitlines()

    codes = {**dict.fromkeys((*ACTIONS, "stop"), 1), "status": 4}
    failures = [f"{action} {code} nginx: initpy cannot be used" for action, code in codes.items()]
    assert [*failures, "1"] == said


def test_disabled_service(debian, debs, newer):
    """A service that the administrator has disabled stays so."""
    debian.run("update-rc.d", "nginx", "disable")
    before = debian.files()

    debian.install(debs)
    debian.install(newer)

    enabled = [name for name in debian.sh("ls /etc/rc2.d").split() if name.endswith("nginx")]
    debian.dpkg("--purge", *PACKAGES)
    assert ["K01nginx"] == enabled
    assert before == debian.files()


@pytest.mark.parametrize("forbidden", [True, False], ids=["policy-rc.d", "no policy-rc.d"])
def test_nothing_is_restarted(debian, debs, newer, forbidden):
    """Installing, upgrading and removing them does not touch what runs."""
    if not forbidden:
        debian.allow_starts()
    first, later = " ".join(debian.put(debs)), " ".join(debian.put(newer))
    ours = " ".join(PACKAGES)
    script = f"""
        set -e
        look() {{
            echo =====
            # Not their titles: a worker that was just born has not set its own yet.
            ps -eo pid,lstart,comm | grep -E ' (nginx|php-fpm8.2)$'
        }}
        service nginx start
        service php8.2-fpm start
        look
        for change in "--install {first}" "--install {later}" "--remove {ours}" "--purge {ours}"
        do
            dpkg $change >/dev/null 2>&1
            look
        done
    """

    said = debian.run("sh", "-c", script).stdout

    _, *looks = said.split("=====\n")
    assert 5 == len(looks)
    assert {looks[0]} == set(looks)
    assert "nginx" in looks[0]
    assert "php-fpm" in looks[0]


# Stands for each command that the maintainer scripts change something with, and
# kills them instead of running one too many.
CUT = """\
#!/bin/sh
left=$(cat /mnt/left)
if [ "$left" -eq 0 ]; then
    kill -KILL $PPID
    exit 1
fi
echo $((left - 1)) >/mnt/left
PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec "${0##*/}" "$@"
"""
CHANGING = ("dpkg-divert", "cp", "mv", "ln", "rm", "sed", "update-rc.d")


@pytest.fixture
def fpm_deb(debian, debs):
    """Return the file of initpy-php-fpm, whose library is installed, as the machine sees it."""
    _, fpm, library = debs
    debian.install([library])
    return debian.put([fpm])[0]


@pytest.fixture
def cut(debian):
    """Return a function that runs dpkg, and lets maintainer scripts run so many commands.

    It returns whether dpkg failed of it.
    """
    shims = debian.mnt / "shims"
    shims.mkdir()
    for name in CHANGING:
        (shims / name).write_text(CUT)
        (shims / name).chmod(0o755)

    def cut(left: int, *words: str) -> bool:
        (debian.mnt / "left").write_text(str(left))
        path = "/mnt/shims:/usr/sbin:/usr/bin:/sbin:/bin"
        finished = debian.run("env", f"PATH={path}", "dpkg", *words, check=False)
        assert finished.returncode == 0 or "killed" in finished.stdout, finished.stdout
        return finished.returncode != 0

    return cut


def test_interrupted_configure(debian, fpm_deb, cut):
    """Killed anywhere, a configuration is finished by the next one, or undone by a purge."""
    before = debian.files()
    debian.dpkg("--install", fpm_deb)
    done = debian.files()

    for steps in count():
        debian.dpkg("--purge", "initpy-php-fpm")
        debian.dpkg("--unpack", fpm_deb)
        if not cut(steps, "--configure", "initpy-php-fpm"):
            break
        debian.run("test", "-x", "/etc/init.d/php8.2-fpm")
        finish, expected = ("--configure", done) if steps % 2 else ("--purge", before)
        debian.dpkg(finish, "initpy-php-fpm")
        assert expected == debian.files(), f"killed at command {steps + 1}"
    assert steps >= 10


def test_interrupted_removal(debian, fpm_deb, cut):
    """Killed anywhere, a removal is finished by the next one."""
    before = debian.files()

    for steps in count():
        debian.dpkg("--install", fpm_deb)
        if not cut(steps, "--remove", "initpy-php-fpm"):
            break
        debian.run("test", "-x", "/etc/init.d/php8.2-fpm")
        debian.dpkg("--purge", "initpy-php-fpm")
        assert before == debian.files(), f"killed at command {steps + 1}"
    assert steps >= 3
