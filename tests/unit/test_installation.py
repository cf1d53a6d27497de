from __future__ import annotations

import json

import pytest
from fakes import Run

from initpy.daemons.nginx import NGINX
from initpy.errors import InitError, NotPermitted
from initpy.tools.installing.installation import FOLDER, install, install_unit, uninstall
from initpy.tools.systemd import UNITS

PATH, SECOND = "/etc/init.d/nginx", "/etc/init.d/www"
WRAPPER = "from initpy.cli import run\n"
SCRIPT = "#!/bin/sh\nDAEMON=/usr/sbin/nginx\n$DAEMON\n"
UPDATE_RC_D = "/usr/sbin/update-rc.d"


@pytest.fixture(autouse=True)
def machine(host, nginx):
    """Have a machine with an nginx and a program that registers scripts."""
    for folder in ("/etc/init.d", "/etc/rc2.d", "/etc/rc0.d", UNITS):
        host.put(folder, kind="dir")

    def registrar(argv):
        *_, name, verb = argv if argv[1] == "-f" else [*argv[:-1], argv[-1]]
        links = [f"/etc/rc2.d/S01{name}", f"/etc/rc0.d/K01{name}"]
        there = [path for path in host.files if path.endswith(f"01{name}")]
        if verb == "remove":
            for path in there:
                host.remove(path)
        elif not there:
            for path in links:
                host.put(path, f"../init.d/{name}", kind="link")
        return Run()

    host.put(UPDATE_RC_D, mode=0o755)
    host.programs[UPDATE_RC_D] = registrar


def put(host, path, text=SCRIPT, *, links=("/etc/rc2.d/S01", "/etc/rc0.d/K01")):
    """Have a script that is started with the machine."""
    name = path.rpartition("/")[2]
    host.put(path, text, mode=0o755)
    for link in links:
        host.put(f"{link}{name}", f"../init.d/{name}", kind="link")


def dpkg(host, *owned):
    """Have a package manager that owns these files; return its diversions."""
    diverted = {}

    def query(argv):
        found = [f"pkg: {argv[2]}"] if argv[2] in owned else []
        found += [f"local diversion from: {argv[2]}"] * (argv[2] in diverted)
        return Run(code=not found, output="\n".join(found))

    def divert(argv):
        path = argv[-1]
        if argv[1] == "--listpackage":
            return Run(output="LOCAL" if path in diverted else "")
        kept = argv[argv.index("--divert") + 1]
        ends = (path, kept) if "--add" in argv else (kept, path)
        diverted[path] = kept
        if "--remove" in argv:
            del diverted[path]
        if "--rename" in argv:
            host.rename(*ends)
        return Run()

    for program, run in (("dpkg-query", query), ("dpkg-divert", divert)):
        host.put(f"/usr/bin/{program}", mode=0o755)
        host.programs[f"/usr/bin/{program}"] = run
    return diverted


def state(host):
    """Return what is in /etc, as far as it counts: path, kind, text, mode."""
    return {
        (path, file.kind, file.text, file.mode)
        for path, file in host.files.items()
        if path.startswith(("/etc/init.d/", "/etc/rc", f"{FOLDER}/", f"{UNITS}/"))
        and file.kind != "dir"
    }


@pytest.mark.parametrize("packaged", [True, False])
def test_install_and_uninstall(host, packaged):
    """Scripts for the same daemon are kept elsewhere, said, and given back as they were."""
    put(host, PATH)
    put(host, SECOND)
    diverted = dpkg(host, PATH, SECOND) if packaged else {}
    before = state(host)

    said = install(NGINX, WRAPPER, host)

    assert WRAPPER == host.files[PATH].text
    assert "nginx" == host.link_target(SECOND)  # what calls it by that name goes on
    assert ["/etc/rc2.d/S01nginx"] == host.glob("/etc/rc2.d/*")
    without = "without its boot links: initpy uninstall nginx gives it back"
    how = ", diverted from package pkg" if packaged else ""
    assert said.splitlines() == [
        f"{PATH} is kept as {FOLDER}/nginx.kept{how}: initpy uninstall nginx gives it back",
        f"{SECOND}, which starts the same daemon, is kept as {FOLDER}/www.kept{how}, {without}",
        f"{PATH} written, registered with {UPDATE_RC_D} nginx defaults",
    ]
    assert ({PATH, SECOND} if packaged else set()) == diverted.keys()

    said = uninstall("nginx", host)

    assert before == state(host)
    assert {} == diverted
    assert said.splitlines() == [
        f"{PATH} of initpy is removed",
        f"{PATH} is given back",
        f"{SECOND} is given back",
    ]


def test_twice(host):
    """Installed again, and uninstalled again: as once."""
    put(host, SECOND)
    before = state(host)
    install(NGINX, WRAPPER, host)
    once = state(host)

    install(NGINX, WRAPPER, host)
    again = state(host)
    uninstall("nginx", host)
    said = uninstall("nginx", host)

    assert once == again
    assert before == state(host)
    assert f"{PATH} is not a script of initpy: nothing to do" == said


def test_disabled_script(host):
    """A script that was switched off is so afterwards."""
    put(host, SECOND, links=("/etc/rc2.d/K01", "/etc/rc0.d/K01"))
    before = state(host)

    install(NGINX, WRAPPER, host)
    uninstall("nginx", host)

    assert before == state(host)


def test_another_instance_is_left_alone(host):
    """A script with another configuration is another service's."""
    host.put("/opt/rtmp.conf")
    put(host, SECOND, "#!/bin/sh\n/usr/sbin/nginx -c /opt/rtmp.conf\n")
    before = state(host)

    install(NGINX, WRAPPER, host)

    assert before < state(host)


def fails_at(host, path):
    """Have a path that cannot be written."""
    host.unwritable[path] = InitError(f"{path} cannot be written: No space left on device")


@pytest.mark.parametrize(
    "path", [f"{FOLDER}/nginx.json", f"{FOLDER}/nginx.kept", f"{FOLDER}/www.kept"]
)
def test_disk_is_full(host, path):
    """What cannot be kept is not touched, and what was done before is undone."""
    put(host, PATH)
    put(host, SECOND)
    before = state(host)
    fails_at(host, path)

    with pytest.raises(InitError, match="No space left"):
        install(NGINX, WRAPPER, host)

    assert before == state(host)


def test_registration_fails(host):
    """A wrapper that cannot be registered is taken back."""
    put(host, SECOND, links=())
    before = state(host)
    host.programs[UPDATE_RC_D] = lambda _argv: Run(code=1, output="no such runlevel")

    with pytest.raises(InitError, match="nginx defaults failed") as caught:
        install(NGINX, WRAPPER, host)

    assert "no such runlevel" == caught.value.output
    assert before == state(host)


def test_failed_reinstall(host):
    """What worked before is not undone."""
    put(host, PATH)
    install(NGINX, WRAPPER, host)
    before = state(host)
    host.programs[UPDATE_RC_D] = lambda _argv: Run(code=1)

    with pytest.raises(InitError):
        install(NGINX, WRAPPER, host)

    assert before == state(host)


def test_killed_halfway(host):
    """A script that was kept by an installation that was killed is given back."""
    put(host, PATH)
    before = state(host)
    install(NGINX, WRAPPER, host)
    host.remove(PATH)

    uninstall("nginx", host)

    assert before == state(host)


def test_package_is_gone(host):
    """Where the package was purged meanwhile, nothing is left of either."""
    put(host, PATH)
    install(NGINX, WRAPPER, host)
    host.remove(f"{FOLDER}/nginx.kept")

    said = uninstall("nginx", host)

    assert f"{PATH} has been removed by its package" == said.splitlines()[-1]
    assert set() == state(host)


def test_script_is_there_again(host):
    """A script that somebody has put there meanwhile stays, and so does the one before."""
    put(host, PATH)
    install(NGINX, WRAPPER, host)
    host.put(PATH, "new", mode=0o755)

    said = uninstall("nginx", host)

    kept = f"{FOLDER}/nginx.kept"
    assert f"{PATH} is as it was; an earlier one is left as {kept}" == said.splitlines()[-1]
    assert ("new", SCRIPT) == (host.files[PATH].text, host.files[kept].text)


def test_diverted_script_is_there_again(host):
    """The diversion goes, too."""
    put(host, PATH)
    diverted = dpkg(host, PATH)
    install(NGINX, WRAPPER, host)
    host.put(PATH, "new", mode=0o755)

    uninstall("nginx", host)

    assert {} == diverted
    assert "new" == host.files[PATH].text


def test_wrapper_that_was_not_installed(host):
    """One that was copied there is removed with its links."""
    put(host, PATH, WRAPPER)

    assert f"{PATH} of initpy is removed" == uninstall("nginx", host)
    assert set() == state(host)


@pytest.mark.parametrize("path", [PATH, SECOND])
def test_wrapper_of_a_package(host, path):
    """What a package of initpy has installed is its own affair."""
    text = f'{WRAPPER}\n    daemon="{NGINX.daemon}",\n    config="{NGINX.config}",\n'
    put(host, path, text)
    dpkg(host, path)
    before = state(host)

    with pytest.raises(InitError, match=f"{path} is initpy's script of package pkg"):
        install(NGINX, WRAPPER, host)
    with pytest.raises(InitError, match=f"{path} is the script of package pkg: remove that"):
        uninstall(path.rpartition("/")[2], host)

    assert before == state(host)


def test_wrapper_of_another_name(host):
    """Two wrappers for one daemon are refused."""
    text = f'{WRAPPER}\n    daemon="{NGINX.daemon}",\n    config="{NGINX.config}",\n'
    put(host, SECOND, text)

    with pytest.raises(InitError, match="use that, or initpy uninstall www before you install"):
        install(NGINX, WRAPPER, host)


def test_links_to_a_script(host):
    """A link to the script of that name stays one; that name may be a link itself."""
    put(host, PATH)
    host.put("/etc/init.d/web", "nginx", kind="link")
    put(host, SECOND)
    host.put("/etc/init.d/both", "www", kind="link")
    before = state(host)

    def lead_to():
        return {host.realpath(path) for path in host.glob("/etc/init.d/*")}

    install(NGINX, WRAPPER, host)
    installed = lead_to()
    uninstall("nginx", host)
    install(NGINX.replace(name="both"), WRAPPER, host)
    both = lead_to()
    uninstall("both", host)

    assert {PATH} == installed
    assert {"/etc/init.d/both"} == both
    assert before == state(host)


def systemctl(host, *enabled):
    """Have a systemd with units that are enabled; return these."""
    units = set(enabled)

    def program(argv):
        verb, unit = argv[1], argv[-1]
        known = unit in units
        (units.add if verb == "enable" else units.discard if verb == "disable" else len)(
            unit if verb in ("enable", "disable") else ()
        )
        return Run(output="enabled" if known else "disabled")

    host.put("/usr/bin/systemctl", mode=0o755)
    host.programs["/usr/bin/systemctl"] = program
    return units


def test_unit_of_a_second_script(host):
    """Where systemd runs, a second script has a unit, which would start the daemon, too."""
    host.put("/run/systemd/system", kind="dir")
    units = systemctl(host, "www.service", "other.service")
    put(host, SECOND)
    before = state(host)

    install(NGINX, WRAPPER, host)
    installed = set(units)
    uninstall("nginx", host)

    assert {"nginx.service", "other.service"} == installed  # ours is the new one
    assert {"other.service", "www.service"} == units
    assert before == state(host)
    assert ["/usr/bin/systemctl", "daemon-reload"] == host.spawned[-1][0]


def test_unit_of_ours(host):
    """A unit is written in the place of another one, which is given back."""
    units = systemctl(host, "nginx.service")
    host.put(f"{UNITS}/nginx.service", "[Service]\nExecStart=/usr/sbin/nginx\n")
    before = state(host)

    install_unit(NGINX, WRAPPER, f"[Service]\nExecStart={PATH} start\n", host)
    written = host.files[f"{UNITS}/nginx.service"].text
    uninstall("nginx", host)

    assert PATH in written
    assert before == state(host)
    assert {"nginx.service"} == units


def test_only_root(host):
    """Nobody else installs or uninstalls: 4, before anything is done."""
    host.euid = 33
    put(host, PATH)
    before = state(host)

    with pytest.raises(NotPermitted):
        install(NGINX, WRAPPER, host)
    with pytest.raises(NotPermitted):
        uninstall("nginx", host)

    assert before == state(host)


@pytest.mark.parametrize("text", ["{", "[]", '"x"'])
def test_damaged_record(host, text):
    """What cannot be read is said, and nothing is done."""
    put(host, PATH)
    install(NGINX, WRAPPER, host)
    assert json.loads(host.files[f"{FOLDER}/nginx.json"].text)
    host.files[f"{FOLDER}/nginx.json"].text = text

    with pytest.raises(InitError, match=r"nginx\.json cannot be read"):
        uninstall("nginx", host)
