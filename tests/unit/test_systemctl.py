from __future__ import annotations

import json
import sys

import pytest
from fakes import Became, Run

from initpy.cli import VERBS, main
from initpy.daemons.nginx import NGINX
from initpy.errors import ExitCode, StatusCode
from initpy.systemctl import ACTIONS

SYSTEMCTL = "/usr/bin/systemctl"
SCRIPT = "/etc/init.d/nginx"


@pytest.fixture
def systemd(host, nginx):
    """Have systemd run the host, and know nginx.service; return how systemctl answers."""
    answers = {"show": Run(output="LoadState=loaded")}
    host.put("/run/systemd/system", kind="dir")
    host.put("/etc/init.d", kind="dir")
    host.put(SCRIPT, mode=0o755)
    host.put(SYSTEMCTL, mode=0o755)
    host.programs[SYSTEMCTL] = lambda argv: answers.get(argv[1], Run())
    return answers


@pytest.fixture
def call(host, monkeypatch):
    """Give what runs a script as a person does; it returns the exit code or the command."""

    def called(*argv, script=SCRIPT, service=NGINX):
        monkeypatch.setattr(sys, "argv", [script, *argv])
        try:
            return main(service, host=host)
        except Became as became:
            return became.argv

    return called


def asked(host):
    """Return what systemctl was asked."""
    return [argv[1:] for argv, _, _ in host.spawned if SYSTEMCTL == argv[0]]


@pytest.mark.parametrize("action", VERBS)
def test_what_systemctl_can_do_is_left_to_it(host, nginx, systemd, call, action):
    """The script becomes systemctl; what only initpy can do is done here."""
    nginx.run()

    expected = [SYSTEMCTL, action, "nginx.service"] if action in ACTIONS else ExitCode.OK
    assert expected == call(action)


def test_actions_are_actions():
    """What is handed over is what a script can be asked."""
    assert set(ACTIONS) <= set(VERBS)


def test_it_is_asked_once(host, systemd, call):
    """One question, and no file of the service is touched."""
    call("start")

    assert [["show", "--property=LoadState", "nginx.service"]] == asked(host)
    assert ([], "") == (host.logged, host.heeding)


@pytest.mark.parametrize("script", ["/etc/rc2.d/S01nginx", "/etc/init.d/www"])
def test_link_to_the_script(host, systemd, call, script):
    """It is the unit of the service's own script, whatever link leads there."""
    host.put(script, "/etc/init.d/nginx", kind="link")

    assert [SYSTEMCTL, "start", "nginx.service"] == call("start", script=script)


def test_script_that_is_a_link_itself(host, systemd, call):
    """Debian's packages keep it elsewhere."""
    host.put("/etc/initpy/nginx", mode=0o755)
    host.put("/etc/init.d/nginx", "/etc/initpy/nginx", kind="link")

    assert [SYSTEMCTL, "start", "nginx.service"] == call("start", script="/etc/init.d/nginx")


def test_red_hats_directory(host, systemd, call):
    """There /etc/init.d is a link."""
    host.put("/etc/rc.d/init.d", kind="dir")
    host.put("/etc/rc.d/init.d/nginx", mode=0o755)
    host.put("/etc/init.d", "/etc/rc.d/init.d", kind="link")
    host.put("/etc/init.d/nginx", "/etc/rc.d/init.d/nginx", kind="link")

    command = call("start", script="/etc/rc.d/init.d/nginx")

    assert [SYSTEMCTL, "start", "nginx.service"] == command


@pytest.mark.parametrize(
    "why",
    [
        "SYSTEMCTL_SKIP_REDIRECT",
        "_SYSTEMCTL_SKIP_REDIRECT",
        "no systemd",
        "no systemctl",
        "no unit",
        "another directory",
        "systemd calls",
        "inside the unit",
    ],
)
def test_done_here(host, systemd, call, why):
    """Asked not to, unknown to systemd, or called by it, a script does the work itself."""
    script = SCRIPT
    if why.endswith("REDIRECT"):
        host.variables[why] = "1"
    elif why == "no systemd":
        del host.files["/run/systemd/system"]
    elif why == "no systemctl":
        host.remove(SYSTEMCTL)
    elif why == "no unit":
        systemd["show"] = Run(output="LoadState=not-found")
    elif why == "another directory":
        script = "/opt/nginx.init"
        host.put(script, mode=0o755)
    elif why == "systemd calls":
        host.by_systemd = True
    else:
        host.add(host.getpid(), unit="nginx.service")

    assert ExitCode.OK == call("start", script=script)
    assert [NGINX.daemon] == [argv[0] for argv, _, _ in host.spawned if "-t" in argv]


def test_other_units_script(host, systemd, call):
    """A unit whose script calls this one is not this one."""
    host.add(host.getpid(), unit="logrotate.service")

    assert [SYSTEMCTL, "reload", "nginx.service"] == call("reload")


def test_masked(host, systemd, call):
    """What the administrator has masked is systemd's to refuse, and not started behind it."""
    systemd["show"] = Run(output="LoadState=masked")

    assert [SYSTEMCTL, "start", "nginx.service"] == call("start")


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_status_that_systemctl_has_not(host, nginx, systemd, call, option):
    """To look changes nothing, so what systemctl cannot answer is answered here."""
    nginx.run()

    assert StatusCode.RUNNING == call("status", option)
    assert [] == asked(host)


@pytest.mark.parametrize("action", ["restart", "try-restart", "condrestart"])
def test_restart_is_tested_before(host, nginx, systemd, call, capsys, action):
    """To systemd it is a stop and a start: with a bad configuration it is never begun."""
    nginx.run()
    nginx.tested = Run(code=1, output="unexpected }")

    assert ExitCode.NOT_CONFIGURED == call(action)
    assert "unexpected }\n" in capsys.readouterr().err
    assert ([], 1) == (host.sent, len(asked(host)))


def test_restart_without_a_test(host, nginx, systemd, call):
    """A daemon that has no test of its configuration is restarted all the same."""
    nginx.run()

    asked = call("restart", service=NGINX.replace(test_args=None))

    assert [SYSTEMCTL, "restart", "nginx.service"] == asked


def test_restart_of_the_stopped_is_not_tested(host, nginx, systemd, call):
    """Start tests it, and try-restart has nothing to do."""
    nginx.tested = Run(code=1)

    assert [SYSTEMCTL, "try-restart", "nginx.service"] == call("try-restart")


def test_restart_by_nobody(host, nginx, systemd, call):
    """Who may not signal it may not restart it."""
    nginx.run()
    host.euid = 33

    assert ExitCode.NOT_PERMITTED == call("restart")


def test_json(host, systemd, call, capsys):
    """Asked for an object it answers one, with systemctl's words and code."""
    systemd["reload"] = Run(code=1, output="Job for nginx.service failed.")

    assert 1 == call("reload", "--json")
    assert {
        "name": "nginx",
        "action": "reload",
        "code": 1,
        "message": "Job for nginx.service failed.",
    } == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("action", "code"), [("start", ExitCode.GENERIC), ("status", StatusCode.UNKNOWN)]
)
def test_systemd_is_dumb(host, systemd, call, capsys, action, code):
    """One that does not answer is a failure with a sentence; nothing is done behind its back."""
    systemd["show"] = Run(seconds=3600)

    assert code == call(action)
    assert "systemctl show" in capsys.readouterr().err


def test_called_by_a_program(host, systemd):
    """A library's caller means what he calls."""
    assert ExitCode.OK == main(NGINX, ["start"], host)
    assert [] == asked(host)
