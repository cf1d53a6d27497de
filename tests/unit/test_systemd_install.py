from __future__ import annotations

import pytest
from fakes import Run

from initpy.daemons.nginx import NGINX
from initpy.errors import InitError
from initpy.tools.register import install
from initpy.tools.systemd import UNITS, ensure_unit, remove_unit, write_unit
from initpy.tools.systemd_unit import render_drop_in, render_unit

SYSTEMCTL = "/usr/bin/systemctl"
SCRIPT = "/etc/init.d/nginx"
OURS = f"{UNITS}/nginx.service"
DROP_IN = f"{OURS}.d/00-initpy.conf"
DEBIANS = "/usr/lib/systemd/system/nginx.service"
GENERATOR = "/usr/lib/systemd/system-generators/systemd-sysv-generator"

CALLS = f"{{ path={SCRIPT} ; argv[]={SCRIPT} start ; }}"
OTHER = "{ path=/usr/sbin/nginx ; argv[]=/usr/sbin/nginx ; }"


class Systemd:
    """One that runs the host, as systemctl shows it."""

    def __init__(self, host):
        self.host, self.fails, self.masked, self.generates = host, set(), False, False
        self.overruled, self.enabled = False, "enabled"
        host.programs[SYSTEMCTL] = self.systemctl
        for folder in ("/etc/init.d", UNITS, "/usr/lib/systemd/system"):
            host.put(folder, kind="dir")
        host.put(SYSTEMCTL, mode=0o755)

    def boot(self):
        """Let it run the host."""
        self.host.put("/run/systemd/system", kind="dir")
        return self

    def systemctl(self, argv):
        """Answer as systemctl does."""
        _, verb, *_ = argv
        if verb in self.fails:
            return Run(code=1, output="no luck")
        if verb == "is-enabled":
            return Run(code=int(self.enabled != "enabled"), output=f"{self.enabled}\n")
        return Run(output=self.shown() if verb == "show" else "")

    def shown(self):
        """Return the properties of nginx.service."""
        files = self.host.files
        if self.masked:
            return "LoadState=masked\nFragmentPath=/dev/null\n"
        if OURS in files:
            return f"LoadState=loaded\nExecStart={CALLS}\nFragmentPath={OURS}\n"
        if DEBIANS in files:
            command = CALLS if DROP_IN in files and not self.overruled else OTHER
            return f"ExecStart={command}\nLoadState=loaded\nFragmentPath={DEBIANS}\n"
        if self.generates:
            return f"LoadState=loaded\nExecStart={CALLS}\nFragmentPath=/run/x/nginx.service\n"
        return "LoadState=not-found\nFragmentPath=\n"

    @property
    def asked(self):
        """The verbs that systemctl was asked."""
        return [argv[1] for argv, _, _ in self.host.spawned if argv[0] == SYSTEMCTL]


@pytest.fixture
def systemd(host):
    """Have a systemd on the host, which is not booted."""
    return Systemd(host)


def test_no_systemd(host):
    """Where there is none, there is nothing to do."""
    assert "" == ensure_unit(NGINX, host)


def test_another_init(host, systemd):
    """A systemd that is only installed is told nothing."""
    host.put("/usr/sbin/sysvinit", mode=0o755)
    host.put("/sbin/init", "/usr/sbin/sysvinit", kind="link")

    assert "" == ensure_unit(NGINX, host)
    assert [] == systemd.asked


def test_generated_unit(host, systemd):
    """Where systemd makes a unit of the script, that is the one."""
    systemd.boot().generates = True

    assert "" == ensure_unit(NGINX, host)
    assert [OURS, DROP_IN] == [path for path in (OURS, DROP_IN) if path not in host.files]


def test_no_generator(host, systemd):
    """Where it makes none any more, we write one, and enable it."""
    systemd.boot()

    told = ensure_unit(NGINX, host)

    command = f"{SYSTEMCTL} enable nginx.service"
    assert f"systemd makes no unit of it: {OURS} written, registered with {command}" == told
    assert render_unit(NGINX, SCRIPT) == host.files[OURS].text
    assert ["daemon-reload", "show", "enable"] == systemd.asked
    assert "" == ensure_unit(NGINX, host)


def test_unit_of_a_package(host, systemd):
    """A unit that comes with the daemon is made to call the script, and is no other one."""
    systemd.boot()
    host.put(DEBIANS)

    told = ensure_unit(NGINX, host)

    assert f"{DEBIANS} does not call it: {DROP_IN} written" == told
    assert render_drop_in(NGINX, SCRIPT) == host.files[DROP_IN].text
    assert OURS not in host.files
    assert "enable" not in systemd.asked
    assert "" == ensure_unit(NGINX, host)


def test_disabled_unit(host, systemd):
    """What root has disabled stays so, which is said."""
    systemd.boot().enabled = "disabled"
    host.put(DEBIANS)

    assert "; the unit is disabled: systemctl enable nginx" in ensure_unit(NGINX, host)
    assert "enable" not in systemd.asked


def test_overruled(host, systemd):
    """Where root's own drop-in has the last word, nothing is claimed."""
    systemd.boot().overruled = True
    host.put(DEBIANS)

    with pytest.raises(
        InitError, match=r"a later drop-in of nginx.service has a command of its own"
    ):
        ensure_unit(NGINX, host)

    assert DROP_IN not in host.files


def test_masked_unit(host, systemd):
    """A masked unit is never started: that is an error, and what to do."""
    systemd.boot().masked = True

    with pytest.raises(InitError, match=r"nginx.service is masked: systemctl unmask nginx"):
        ensure_unit(NGINX, host)


@pytest.fixture
def image(host, systemd):
    """Have an image whose process 1 will be systemd."""
    host.put("/usr/lib/systemd/systemd", mode=0o755)
    host.put("/sbin/init", "/usr/lib/systemd/systemd", kind="link")
    return systemd


def test_image(host, image):
    """Before it is booted, the files tell: there is no generator."""
    assert f"{OURS} written" in ensure_unit(NGINX, host)
    assert ["enable"] == image.asked
    assert "" == ensure_unit(NGINX, host)


def test_image_with_a_generator(host, image):
    """With a generator nothing is to be done, unless a unit comes first."""
    host.put(GENERATOR, mode=0o755)

    assert "" == ensure_unit(NGINX, host)
    host.put(DEBIANS)
    assert f"{DROP_IN} written" in ensure_unit(NGINX, host)
    assert "" == ensure_unit(NGINX, host)


def test_image_with_a_masked_generator(host, image):
    """A link to /dev/null in /etc switches a generator off."""
    host.put(GENERATOR, mode=0o755)
    host.put("/dev/null", kind="device", mode=0o666)
    name = "/etc/systemd/system-generators/systemd-sysv-generator"
    host.put(name, "/dev/null", kind="link")

    assert f"{OURS} written" in ensure_unit(NGINX, host)


def test_enable_fails(host, systemd):
    """What could not be enabled is an error, with systemctl's words."""
    systemd.boot().fails.add("enable")

    with pytest.raises(InitError, match=r"enable nginx.service failed") as caught:
        write_unit("nginx", "text", host)

    assert "no luck" == caught.value.output


def test_install(host, systemd):
    """The command says both: where the script is registered, and what systemd has."""
    systemd.boot()
    host.put("/usr/sbin/update-rc.d", mode=0o755)

    told = install(NGINX, "text", host)

    assert f"{SCRIPT} written, registered with /usr/sbin/update-rc.d nginx defaults; sy" in told
    assert f"{OURS} written" in told


def test_remove_unit(host, systemd):
    """Our unit is disabled and removed, and systemd reads its units again."""
    systemd.boot()
    ensure_unit(NGINX, host)

    assert f"{OURS} removed" == remove_unit("nginx", host)
    assert OURS not in host.files
    assert ["disable", "daemon-reload"] == systemd.asked[-2:]
    assert "" == remove_unit("nginx", host)


def test_remove_drop_in(host, systemd):
    """The unit of the package stays, as it was, and enabled."""
    systemd.boot()
    host.put(DEBIANS, "theirs")
    ensure_unit(NGINX, host)

    assert f"{DROP_IN} removed" == remove_unit("nginx", host)
    assert "theirs" == host.files[DEBIANS].text
    assert f"{OURS}.d" not in host.files
    assert "disable" not in systemd.asked


def test_remove_from_an_image(host, image):
    """Nothing runs that could read its units again."""
    ensure_unit(NGINX, host)

    assert f"{OURS} removed" == remove_unit("nginx", host)
    assert "daemon-reload" not in image.asked


def test_unit_of_somebody_else(host, systemd):
    """What we have not written stays."""
    host.put(OURS, "[Service]\nExecStart=/usr/sbin/nginx\n")

    assert "" == remove_unit("nginx", host)
    assert OURS in host.files
