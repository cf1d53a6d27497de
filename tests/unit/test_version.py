"""The version: written in one place, and the same wherever it has to be repeated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import initpy
from initpy.tools import command

ROOT = Path(__file__).parents[2]


def test_command_tells_it(capsys):
    """``initpy --version`` prints it and exits with 0."""
    with pytest.raises(SystemExit) as ended:
        command.main(["--version"])

    assert 0 == ended.value.code
    assert f"initpy {initpy.__version__}\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("CHANGES.rst", r"\A\D+(\d+\.\d+\.\d+) \("),
        ("debian/changelog", r"\Asysv-initpy \((.*?)\) "),
        ("packaging/rpm/initpy.spec", r"^Version: +(.*)$"),
        ("packaging/rpm/initpy.spec", r"^%changelog\n.* - (.*)-1$"),
    ],
)
def test_packages_repeat_it(file, pattern):
    """The latest entry of each changelog is of this version, and so is the rpm package."""
    text = (ROOT / file).read_text()

    assert [initpy.__version__] == re.findall(pattern, text, re.MULTILINE)
