"""What the shells offer: asked of real ones, and compared with what the programs take."""

from __future__ import annotations

import argparse
import os
import re
from contextlib import closing

import pytest
from chamber import Chamber
from real_daemons import Place

from initpy.cli import VERBS
from initpy.tools.command import _parser

pytestmark = pytest.mark.real

HERE = os.path.dirname(os.path.abspath(__file__))
COMPLETIONS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "etc", "completions")


@pytest.fixture(scope="module")
def chamber():
    """Give a private copy of this machine; a wrapper is installed as web, and one as other."""
    facts = ("--daemon", "/d", "--config", "/c", "--pidfile", "/p", "-o", "/etc/init.d/web")
    with closing(Place()) as place, closing(Chamber(place)) as mine:
        mine.write("/etc/init.d/other", "#!/bin/sh\ncase $1 in\n start|stop)\n ;;\nesac\n", 0o755)
        made = mine("initpy", "generate", "nginx", "--name", "web", *facts)
        assert 0 == made.code, made
        yield mine


@pytest.fixture(scope="module", params=["bash", "zsh"])
def offered(request, chamber):
    """Give what the shell offers after a line."""
    ours = {"bash": "initpy.bash", "zsh": ""}[request.param]
    script = os.path.join(HERE, f"offered.{request.param}")

    def ask(line):
        told = chamber(request.param, script, os.path.join(COMPLETIONS, ours), line)
        assert 0 == told.code, told
        return set(re.findall("<([^>]*)>", told.out))

    ask.shell = request.param
    return ask


def commands():
    """Return the parsers of the subcommands of ``initpy`` by their names."""
    (actions,) = (a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    return actions.choices


def takes(parser):
    """Return the options of a parser that a person types."""
    options = {option for action in parser._actions for option in action.option_strings}
    return options - {"-h", "--signal"}


def test_subcommands(offered):
    """All of them are offered."""
    assert set(commands()) == offered("initpy ") - {"--help", "--version"}


@pytest.mark.parametrize("command", commands())
def test_options(offered, command):
    """Each subcommand's own are offered, and no others."""
    parser = commands()[command]
    dashed = offered(f"initpy {command} -") | offered(f"initpy {command} --")
    signals = {word for word in dashed if re.fullmatch("-[A-Z][A-Z0-9+-]+", word)}

    assert takes(parser) == dashed - signals


@pytest.mark.parametrize("command", ["generate", "install"])
def test_services_and_formats(offered, command):
    """What can be chosen is offered."""
    choices = {action.dest: set(action.choices or ()) for action in commands()[command]._actions}

    assert choices["service"] <= offered(f"initpy {command} ")
    assert choices["format"] == offered(f"initpy {command} nginx --format ")


def test_signals_and_programs(offered):
    """A program for killproc and pidofproc, and then its signals for killproc."""
    assert {"-HUP", "-USR2"} <= offered("initpy killproc sleep -")
    assert {"sleep"} <= offered("initpy killproc slee")
    assert {"sleep"} <= offered("initpy pidofproc slee")


def test_actions_of_a_script(offered):
    """Every action, and no other, by the script itself and by service(8)."""
    assert set(VERBS) == offered("/etc/init.d/web ")
    assert set(VERBS) == offered("service web ")
    assert {"web"} == offered("service we")


def test_options_of_a_script(offered):
    """Zsh knows those too; bash-completion leaves them to the person."""
    if "zsh" == offered.shell:
        assert {"--quiet", "--json", "--explain", "--timeout"} == offered(
            "/etc/init.d/web reload --"
        )


def test_other_scripts_are_left_alone(offered):
    """A script that initpy has not written is offered what it was."""
    assert "start" in offered("/etc/init.d/other ")
    assert not {"upgrade", "configtest"} & offered("service other ")
