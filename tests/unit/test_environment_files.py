"""Words of a settings file in the command line, and files of an environment."""

from __future__ import annotations

import pytest

from initpy.errors import SettingsError
from initpy.service import Service
from initpy.settings import with_settings
from initpy.settings.environment_files import assignments

FILE, OWN = "/etc/foo/env", "/etc/default/foo"
PLAIN = Service(
    name="foo",
    daemon="/usr/sbin/foo",
    pidfile="/run/foo.pid",
    start_args=("-n", "{OPTS}"),
    words={"OPTS": "-d"},
)
UNIT = PLAIN.replace(words={}, environment_files=(FILE,), environment={"OPTS": "-z", "TZ": "UTC"})


def started(service, host, action="start"):
    """Return the arguments of a start, as the settings have it."""
    service = with_settings(service, host, action=action)
    return service.command(service.start_args)[1:]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["-d"]),
        ("OPTS='-a -b'", ["-a", "-b"]),
        ("OPTS=", []),
        ("OTHER=1; OPTS=-$OTHER", ["-1"]),
    ],
)
def test_words(host, text, words):
    """The value of the file counts, an empty one too; without it the declaration's does."""
    if text is not None:
        host.put(OWN, text)

    assert ["-n", *words] == started(PLAIN, host)
    assert [] == host.told


def test_words_that_only_a_shell_knows(host):
    """What needs a command is refused, with its line."""
    host.put(OWN, "\nOPTS=$(date)")

    with pytest.raises(SettingsError, match="line 2: OPTS: "):
        started(PLAIN, host)
    assert ["-n", "-d"] == started(PLAIN, host, "stop")


def test_key_of_ours_as_words(host):
    """A declaration that holds {DAEMON_OPTS} has its place for it: it is not added again."""
    service = PLAIN.replace(start_args=("{DAEMON_OPTS}", "-f"), words={"DAEMON_OPTS": ""})
    host.put(OWN, "DAEMON_OPTS='-x \"y'")

    assert ["-x", '"y', "-f"] == started(service, host)


def test_exported_beside_declared(host):
    """What the settings export stands beside the variables of the declaration."""
    host.put(OWN, "export A=1")

    changed = with_settings(PLAIN.replace(environment={"A": "0", "B": "2"}), host)

    assert {"A": "1", "B": "2"} == changed.environment


def test_file(host):
    """Its variables are the daemon's, override the declaration's, and stand in its arguments."""
    host.put(FILE, "OPTS=\"-a 'b c'\"\n")

    changed = with_settings(UNIT, host, action="start")

    assert {"OPTS": "-a 'b c'", "TZ": "UTC"} == changed.environment
    assert ["-n", "-a", "b c"] == started(UNIT, host)


def test_file_is_read_at_every_start(host):
    """A later value is that of the next start."""
    host.put(FILE, "OPTS=1")
    first = started(UNIT, host)
    host.put(FILE, "OPTS=2")

    assert [["-n", "1"], ["-n", "2"]] == [first, started(UNIT, host)]


def test_file_that_is_missing(host):
    """With a dash before its path it may be missing; otherwise a start is refused."""
    assert ["-n", "-z"] == started(UNIT.replace(environment_files=(f"-{FILE}",)), host)

    with pytest.raises(SettingsError, match=f"^{FILE}, where the environment is read, does not"):
        started(UNIT, host)
    assert ["-n", "-z"] == started(UNIT, host, "stop")


def test_file_of_somebody_else(host):
    """What another user could have written gives a daemon of root no arguments."""
    host.put(FILE, "OPTS=1", uid=1000)

    with pytest.raises(SettingsError, match="is not trusted"):
        started(UNIT, host)


def test_pattern(host):
    """A pattern stands for the files that are there, in their order."""
    host.put("/etc/foo/a", "OPTS=1\nA=1")
    host.put("/etc/foo/b", "OPTS=2")

    changed = with_settings(UNIT.replace(environment_files=("/etc/foo/?",)), host)

    assert {"OPTS": "2", "A": "1", "TZ": "UTC"} == changed.environment


def test_own_settings_as_environment(host):
    """A file in systemd's syntax is not read as a shell reads it, nor for keys of ours."""
    host.put(OWN, "OPTS=$(x\nTIMEOUT=soon\n")

    changed = with_settings(UNIT.replace(environment_files=(OWN,)), host, action="start")

    assert (30.0, "$(x", "soon") == (
        changed.timeout,
        changed.environment["OPTS"],
        changed.environment["TIMEOUT"],
    )


def test_names_that_are_none(host):
    """They are told, and ignored."""
    host.put(FILE, "export A=1\nOPTS=1")

    assert ["-n", "1"] == started(UNIT, host)
    assert [f"{FILE}: 'export A' is not the name of a variable: it is ignored"] == host.told


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=b", [("A", "b")]),
        ("  A = b c  \n", [("A", "b c")]),
        ("# A=1\n;B=2\nno sign\n\nC=", [("C", "")]),
        ("A='b\nc' \"d\"e", [("A", "b\ncde")]),
        ("A=b'c'", [("A", "b'c'")]),
        ('A="a\\"b\\\\c\\x\\\nd"', [("A", 'a"b\\c\\xd')]),
        ("A=a\\ \\\n b\\", [("A", "a  b")]),
        ("A=b # c", [("A", "b # c")]),
        ("A=b\r\nC=d\r\n", [("A", "b"), ("C", "d")]),
        ('A="b', [("A", "b")]),
        ("A='b", [("A", "b")]),
        ("=B=c", [("=B", "c")]),
    ],
)
def test_syntax(text, found):
    """As systemd 252 reads each of them: compared with its environment generator."""
    assert found == assignments(text)
