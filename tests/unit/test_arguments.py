"""The arguments of command lines: names in them, and how their values become words."""

from __future__ import annotations

import subprocess

import pytest

from initpy.arguments import shell_words, systemd_words
from initpy.service import Service

PLAIN = Service(name="x", daemon="/bin/x", pidfile="/run/x.pid", config="/etc/x.conf")


@pytest.mark.parametrize(
    ("arg", "value", "words"),
    [
        ("{OPTS}", "-a  -b\tc\n", ["-a", "-b", "c"]),
        ("{OPTS}", "", []),
        ("{OPTS}", "-a 'b c' * \\d", ["-a", "'b", "c'", "*", "\\d"]),
        ("--x={OPTS}", "-a  b", ["--x=-a  b"]),
        ("{OPTS!s}", "", [""]),
        ("{OPTS!s}", "a b", ["a b"]),
    ],
)
def test_words_of_settings(arg, value, words):
    """Alone it is the words that a shell makes of $OPTS; within a longer argument the value."""
    service = PLAIN.replace(words={"OPTS": value}, start_args=("-c", "{config}", arg))

    assert ["/bin/x", "-c", "/etc/x.conf", *words] == service.command(service.start_args)


@pytest.mark.parametrize("value", ["", " ", "a", " a\tb\nc ", "'a b'", 'a"b', "a\\ b", "\xa0 \x0b"])
def test_as_a_shell_splits(value):
    """The words are those of dash, with patterns off."""
    ran = subprocess.run(
        ["/bin/sh", "-c", 'X=$1; set -f; for w in $X; do printf "%s\\0" "$w"; done', "sh", value],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.split("\0")[:-1] == shell_words(value)


def test_words_of_the_environment():
    """A variable of the daemon's environment is split as systemd splits it."""
    service = PLAIN.replace(environment={"OPTS": "-a 'b c'"}, start_args=("{OPTS}", "x{OPTS}"))

    assert ["/bin/x", "-a", "b c", "x-a 'b c'"] == service.command(service.start_args)


def test_words_win_over_the_environment():
    """A key of the settings that is exported as well is a key of the settings."""
    service = PLAIN.replace(
        words={"OPTS": "'a b'"}, environment={"OPTS": "c"}, start_args=("{OPTS}",)
    )

    assert ["/bin/x", "'a", "b'"] == service.command(service.start_args)


def test_what_no_file_sets():
    """With files that may set any variable one that is not set is empty, as for systemd."""
    service = PLAIN.replace(
        environment_files=("-/etc/default/x",), start_args=("{OPTS}", "-x{OPTS}", "{OPTS!s}")
    )

    assert ["/bin/x", "-x", ""] == service.command(service.start_args)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a  b", ["a", "b"]),
        ("'a b' c", ["a b", "c"]),
        ('a"b c"d', ["ab cd"]),
        ("''", [""]),
        ("'a", ["a"]),
        ("a\\", ["a"]),
        ("a\\ b", ["a b"]),
        ("'a\\'b'", ["a'b"]),
        (" \r\n\t", []),
    ],
)
def test_systemd_words(value, words):
    """Quotes and backslashes count, and what is not closed ends with the value."""
    assert words == systemd_words(value)
