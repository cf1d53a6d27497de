"""The arguments of nginx, as initpy reads them and as nginx does."""

from __future__ import annotations

import os
import random
import re
import subprocess

import pytest

from initpy.daemons.nginx import NGINX
from initpy.daemons.nginx.arguments import configuration, read_options

pytestmark = pytest.mark.real

LISTS = int(os.environ.get("INITPY_TEST_ARGUMENTS", "150"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Give a folder with configurations under several prefixes, links to them included."""
    root = tmp_path_factory.mktemp("arguments")
    for folder in ("one", "two", "one/conf", "with blank"):
        (root / folder).mkdir()
        for name in ("a.conf", "b.conf", "-c.conf", "with blank.conf"):
            (root / folder / name).write_text(
                f"pid {root}/x.pid; error_log stderr; events {{}}\n"
                f"http {{ access_log off; server {{ listen unix:{root}/x.sock; }} }}\n"
            )
    (root / "link.conf").symlink_to("one/a.conf")
    there = os.path.exists(NGINX.pidfile)
    yield root
    # Where no -c is given it has tested the machine's own configuration.
    if not there and os.path.exists(NGINX.pidfile) and not os.path.getsize(NGINX.pidfile):
        os.unlink(NGINX.pidfile)


def arguments(tree, chance):
    """Return a list of arguments as somebody may write it, or mistype it."""
    paths = [
        f"{tree}/one/a.conf",
        f"{tree}//two/./b.conf",
        f"{tree}/link.conf",
        "a.conf",
        "conf/b.conf",
        "./b.conf",
        "../two/a.conf",
        "-c.conf",
        f"{tree}/with blank/with blank.conf",
    ]
    prefixes = [f"{tree}/one", f"{tree}/two/", "one", "two/", f"{tree}/with blank", "."]
    words = []
    for _ in range(chance.randint(1, 4)):
        letter = chance.choice("ccccppgqqex")
        flags = chance.choice(["", "", "q", "qq"])
        value = {
            "c": chance.choice(paths),
            "p": chance.choice(prefixes),
            "g": chance.choice(["worker_processes 1;", "daemon off; master_process on;", ""]),
            "e": "stderr",
        }.get(letter)
        if value is None:
            words.append(chance.choice(["-q", "-", "-qq", "-t", "stray", "-z", ""]))
        elif chance.random() < 0.4 and value:
            words.append(f"-{flags}{letter}{value}")
        else:
            words += [f"-{flags}{letter}", value]
    return words


def in_force(tree, words):
    """Return the configuration that nginx says it tests; None if it refuses the arguments."""
    done = subprocess.run(
        [NGINX.daemon, *words, "-T"], cwd=tree, capture_output=True, text=True, check=False
    )
    told = re.search(r"^# configuration file (.*):$", done.stdout, re.MULTILINE)
    return told and told[1], done.stderr


def test_arguments_are_read_as_nginx_reads_them(tree):
    """Clusters, glued values, repeated options, prefixes, relative paths: no disagreement."""
    chance = random.Random(20261125)
    known = 0
    for _ in range(LISTS):
        words = arguments(tree, chance)
        options = read_options([*words, "-T"])
        told, said = in_force(tree, words)
        if told is None:
            # It refuses the arguments, or there is no such file.
            assert options.invalid or "[emerg]" in said, words
            continue
        known += 1
        assert "" == options.invalid, words
        assert told == configuration(NGINX, " ".join([NGINX.daemon, *words])), words
    assert known > LISTS / 3
