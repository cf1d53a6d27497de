"""Daemons of the same configuration path elsewhere: in a chroot, in another namespace."""

from __future__ import annotations

import pytest
from elsewhere import WAYS, Instance, see_untouched

pytestmark = pytest.mark.real

KINDS = ["nginx", "php-fpm"]
# Of the same program at home, with the configurations OURS and THEIRS on one command line.
COMMAND_LINES = {
    "nginx": [["-qc", "THEIRS"], ["-c", "OURS", "-c", "THEIRS"], ["-p", "/", "-c", "RELATIVE"]],
    "php-fpm": [["-Ry", "THEIRS"], ["-y", "OURS", "-y", "THEIRS"]],
}


@pytest.fixture(params=KINDS)
def home(request, island, place):
    """Give each of the daemons in turn at home: stopped, with its wrapper."""
    island("mkdir", "-p", "/run/php")
    mine = Instance(island, place, request.param, "home")
    island("cp", mine.source, mine.config)
    mine.generate()
    return mine


def test_those_elsewhere(island, place, home):
    """Daemons elsewhere are neither seen nor touched by any action of the host's script."""
    others = [Instance(island, place, home.kind, way) for way in WAYS]
    for other in others:
        other.move()
        other.start_by_hand()

    see_untouched(home, *others)


@pytest.mark.parametrize("way", WAYS)
def test_the_one_at_home(island, place, home, way):
    """A script that is called elsewhere neither sees nor touches the host's daemon."""
    home.start_by_hand()
    there = Instance(island, place, home.kind, way)
    there.move()
    there.generate()

    see_untouched(there, home)


def test_same_file_in_another_network(island, home):
    """A daemon with our very configuration in another network is not seen, nor touched."""
    island("ip", "netns", "add", "blue")
    island("ip", "-n", "blue", "link", "set", "lo", "up")
    home.entry = ["ip", "netns", "exec", "blue"]
    family = home.start_by_hand()
    home.entry = []
    pidfile = home("cat", home.pidfile).out

    told, stopped = home.act("status"), home.act("stop")
    kept = home("cat", home.pidfile).out
    started = home.act("start")
    own = home.family()
    ended = home.act("stop")
    island("sh", "-c", f"echo {pidfile.strip()} >{home.pidfile}")

    assert (1, 0, 0, 0) == (told.code, stopped.code, started.code, ended.code), (told, stopped)
    assert pidfile == kept
    assert family not in ("", own)
    assert family == home.family()


def test_other_command_lines(island, place, home):
    """An instance whose own configuration is one of several words is neither seen nor touched."""
    others = []
    for number, words in enumerate(COMMAND_LINES[home.kind]):
        other = Instance(island, place, home.kind, f"line{number}")
        paths = {"OURS": home.config, "THEIRS": other.source, "RELATIVE": other.source[1:]}
        other.start_by_hand(*(paths.get(word, word) for word in words))
        others.append(other)

    see_untouched(home, *others)


OURS = {
    "nginx": [
        ["-qc", "OURS"],
        ["-c", "/dev/null", "-c", "OURS"],
        ["-c", "LINK"],
        ["-c", "SLASHES"],
        ["-p", "/etc", "-c", "nginx/nginx.conf"],
        [],
    ],
    "php-fpm": [["-Ry", "OURS"], ["-y", "LINK"], ["-y", "SLASHES"], ["-y", "DOTS"], []],
}


@pytest.mark.parametrize(
    ("kind", "words"), [(kind, words) for kind, lines in OURS.items() for words in lines]
)
def test_ours_whatever_its_name(island, place, kind, words):
    """A daemon that reads our file is ours, whatever the command line calls the file."""
    home = Instance(island, place, kind, "home")
    island("cp", home.source, home.config)
    home.generate()
    island("ln", "-s", home.config, "/etc/linked.conf")
    paths = {
        "OURS": home.config,
        "LINK": "/etc/linked.conf",
        "SLASHES": home.config.replace("/", "//"),
        "DOTS": home.config.replace("/etc/", "/etc/./default/../"),
    }
    home.start_by_hand(*(paths.get(word, word) for word in words))
    master = home("cat", home.pidfile).out.strip()

    told, again, ended = home.act("status"), home.act("start"), home.act("stop")

    assert (0, 0, 0) == (told.code, again.code, ended.code), (told, again, ended)
    assert f"running, master {master}," in told.out
    assert not home.family()


@pytest.mark.parametrize("kind", KINDS)
def test_private_mounts(island, place, kind):
    """A daemon with mounts of its own, a /tmp for one, and our very file is ours."""
    home = Instance(island, place, kind, "home")
    island("cp", home.source, home.config)
    home.generate()
    private = 'mount -t tmpfs tmpfs /var/tmp && exec "$@"'
    home.entry = ["unshare", "--mount", "sh", "-c", private, "sh"]
    home.start_by_hand()
    master = home("cat", home.pidfile).out.strip()
    home.entry = []

    told, reloaded, ended = home.act("status"), home.act("reload"), home.act("stop")

    assert (0, 0, 0) == (told.code, reloaded.code, ended.code), (told, reloaded, ended)
    assert f"running, master {master}," in told.out
    assert not home.family()
