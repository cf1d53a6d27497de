from __future__ import annotations

import json

import pytest
from fakes import Run

from initpy.tools.command import main
from initpy.tools.overview import statuses

OURS = "#!/usr/bin/python3\ntry:\n    from initpy.cli import run\n"


@pytest.fixture
def script(host):
    """Return a function that puts an init script on the machine, and says how its status runs."""

    def put(name, *, text=OURS, code=0, said=None, mode=0o755):
        path = f"/etc/init.d/{name}"
        answer = {"name": name, "code": code, "message": "up" if code == 0 else "stopped"}
        output = json.dumps(answer) if said is None else said
        host.put(path, text, mode=mode)
        host.programs[path] = lambda argv: Run(code=code, output=output if argv[2:] else "no JSON")
        return path

    return put


def test_every_script_of_ours_is_asked(host, script):
    """A script that uses the library tells of its service, in the order of names."""
    script("web", code=3)
    script("php")

    assert [("php", 0), ("web", 3)] == [(one["name"], one["code"]) for one in statuses(host)]
    assert [["/etc/init.d/php", "status", "--json"], ["/etc/init.d/web", "status", "--json"]] == [
        argv for argv, _, _ in host.spawned
    ]


def test_other_scripts_are_not_run(host, script):
    """A script of another kind, a folder, or a script that is switched off is left alone."""
    script("other", text="#!/bin/sh\n# from initpy.cli import run\n")
    script("off", mode=0o644)
    host.put("/etc/init.d/folder", kind="dir")

    assert [] == statuses(host)
    assert [] == host.spawned


def test_two_names_of_one_script_are_one_service(host, script):
    """A link to a script is asked once."""
    host.put("/etc/init.d/also-web", "web", kind="link")
    script("web")

    assert 1 == len(statuses(host))


@pytest.mark.parametrize("said", ["web: initpy cannot be used", ""])
def test_script_that_cannot_tell(host, script, said):
    """A script whose library is broken is unknown, with its own words."""
    script("web", code=4, said=said)

    assert [{"name": "web", "state": "unknown", "code": 4, "message": said}] == statuses(host)


def test_script_that_hangs(host, script):
    """A script that does not answer does not keep the others from being told of."""
    path = script("web")
    host.programs[path] = lambda _argv: Run(seconds=1000)
    script("zope")

    web, zope = statuses(host)

    assert (4, 0) == (web["code"], zope["code"])
    assert "to end" in web["message"]


def test_command_prints_a_line_each(host, script, capsys):
    """The command's own code is the greatest of theirs."""
    script("web", code=3)
    script("php")

    code = main(["status"], host)

    assert (3, "php: up\nweb: stopped\n") == (code, capsys.readouterr().out)


def test_command_prints_one_array(host, script, capsys):
    """For machines there is one array."""
    script("web")

    code = main(["status", "--json"], host)

    expected = [{"name": "web", "code": 0, "message": "up"}]
    assert (0, expected) == (code, json.loads(capsys.readouterr().out))


def test_command_without_services(host, capsys):
    """Where there is none, nothing is printed, and that is no failure."""
    assert (0, "") == (main(["status"], host), capsys.readouterr().out)
