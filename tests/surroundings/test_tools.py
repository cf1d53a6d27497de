"""What calls an init script: Ansible, by the example of ``etc/examples``."""

from __future__ import annotations

import os
import re

import pytest
from chamber import install

pytestmark = pytest.mark.real

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(HERE)), "etc", "examples")
PLAYBOOK = os.path.join(EXAMPLES, "playbook.yml")


@pytest.fixture
def play(chamber, nginx):
    """Give what plays the example; it returns how many tasks were ok, changed and failed."""
    install(chamber, nginx)

    def played(state=None):
        told = chamber(
            "ansible-playbook",
            *("--connection", "local", "--inventory", "one,", PLAYBOOK),
            *(("--extra-vars", f"state={state}") if state else ()),
            env={
                "HOME": "/run",
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
                "ANSIBLE_PIPELINING": "1",
            },
        )
        recap = dict(re.findall(r"(ok|changed|failed)=(\d+)", told.out))
        assert {"ok", "changed", "failed"} == set(recap), told
        return {state: int(number) for state, number in recap.items()}

    return played


def test_ansible(play, nginx):
    """Started twice is changed, then ok; reloaded, restarted and stopped are what they say."""
    changed, ok = {"ok": 1, "changed": 1, "failed": 0}, {"ok": 1, "changed": 0, "failed": 0}

    assert [changed, ok] == [play(), play()]
    first = nginx.named
    nginx.configure("two")
    assert changed == play("reloaded")
    assert (first, "two") == (nginx.named, nginx.ask())
    assert changed == play("restarted")
    assert first != nginx.named
    assert [changed, ok] == [play("stopped"), play("stopped")]
    assert {} == nginx.place.processes()


def test_ansible_fails_with_it(play, nginx):
    """A reload that fails is a failed task, and the old configuration serves."""
    play()
    nginx.place.write(f"{nginx.folder}/daemon.conf", "oops;\n")

    assert {"ok": 0, "changed": 0, "failed": 1} == play("reloaded")
    assert "one" == nginx.ask()
