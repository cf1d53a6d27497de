"""The manual pages: what the programs know stands in them."""

from __future__ import annotations

import argparse
import os.path
import re

import pytest

import initpy
from initpy.cli import VERBS
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import ExitCode, StatusCode
from initpy.settings.keys import KEYS
from initpy.systemctl import BYPASSES
from initpy.tools.command import _parser

MAN = os.path.join(os.path.dirname(os.path.dirname(initpy.__file__)), "man")
HEADINGS = {
    "initpy.8": "NAME SYNOPSIS DESCRIPTION ACTIONS ENVIRONMENT FILES EXIT STATUS EXAMPLES "
    "DIAGNOSTICS SEE ALSO STANDARDS BUGS",
    "initpy.3": "NAME SYNOPSIS DESCRIPTION EXAMPLES SEE ALSO BUGS",
}


def sections(page):
    """Return the text of a page by its headings."""
    with open(os.path.join(MAN, page)) as file:
        _, *parts = re.split(r"^\.Sh (.*)\n", file.read(), flags=re.MULTILINE)
    return {parts[i].removesuffix("\\&"): parts[i + 1] for i in range(0, len(parts), 2)}


def items(text):
    """Return the words of all items of a text."""
    lines = re.findall(r"^\.It (.*)$", text, re.MULTILINE)
    return {word for line in lines for word in line.split()}


@pytest.mark.parametrize("page", HEADINGS)
def test_headings(page):
    """They come in the order of manual pages."""
    found = list(sections(page))

    assert re.findall(r"EXIT STATUS|SEE ALSO|[A-Z]+", HEADINGS[page]) == found


def test_every_action():
    """Each that a script knows has its paragraph, and no other has."""
    assert set(VERBS) == items(sections("initpy.8")["ACTIONS"]) - {"Cm", ","}


@pytest.mark.parametrize(("codes", "other"), [(ExitCode, StatusCode), (StatusCode, ExitCode)])
def test_every_code(codes, other):
    """Each exit code stands in one of the two tables."""
    actions, status = sections("initpy.8")["EXIT STATUS"].split("\nOf\n.Cm status\n")
    table = actions if codes is ExitCode else status

    values = {str(value) for name, value in vars(codes).items() if name.isupper()}
    assert values == items(table)


def test_every_setting():
    """Each key stands under its file, and so does what keeps an action from systemctl."""
    page = sections("initpy.8")
    known = {*KEYS, *NGINX.settings, *PHP_FPM.settings}

    assert known == {word for word in items(page["FILES"]) if word.isupper()}
    assert set(BYPASSES) == items(page["ENVIRONMENT"]) - {"Ev", ","}


def test_every_command():
    """Each subcommand of initpy stands there, with its options."""
    page = sections("initpy.8")
    (actions,) = (a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))

    assert ".Nm initpy\n.Fl -version\n" in page["SYNOPSIS"]
    for name, parser in actions.choices.items():
        assert name in items(page["DESCRIPTION"])
        for option in {o for action in parser._actions for o in action.option_strings}:
            if option not in ("-h", "--help", "--signal"):
                assert re.search(rf"Fl {option[1:]}\s", page["SYNOPSIS"]), (name, option)


def test_every_public_name():
    """What the library exports stands in its page."""
    text = sections("initpy.3")["DESCRIPTION"]

    assert set(initpy.__all__) <= items(text)


def test_examples_are_python():
    """What is shown of the library could be run."""
    examples = re.findall(
        r"^\.Bd -literal.*?\n(.*?)^\.Ed", sections("initpy.3")["EXAMPLES"], re.DOTALL | re.MULTILINE
    )

    assert 2 == len(examples)
    for example in examples:
        compile(example, "initpy.3", "exec")
        for line in example.splitlines():
            if line.startswith("from "):
                exec(line, {})
