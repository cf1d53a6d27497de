"""A virtual environment as the README makes one, on each suite; and what is left of one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from textwrap import dedent

import pytest
from debian_root import building_root
from machines import Machine
from pythons import LIBRARIES, wheels_for

README = (Path(__file__).parents[2] / "README.rst").read_text()
# What pip builds with, beside what it installs.
BUILDING = ("setuptools", "wheel")
LEFT = """
service nginx start >/dev/null
{change}
for action in status reload stop; do
    code=0
    service nginx $action >/mnt/said 2>&1 || code=$?
    echo "$action $code $(wc -l </mnt/said) $(cat /mnt/said)"
done
pgrep -c -f 'nginx: [m]aster' || true
"""


def commands():
    """Return the block of the README that makes one."""
    (block,) = re.findall(
        r"^( +apt-get install python3-venv.*?)\n\n\S", README, re.MULTILINE | re.DOTALL
    )
    return dedent(block)


@pytest.fixture
def installed(suite, tree, tmp_path):
    """Return a machine of that suite on which the README was followed, and its Python."""
    machine = Machine(building_root(suite), tmp_path)
    version = machine.python()
    shutil.copytree(wheels_for(version, *LIBRARIES, *BUILDING), machine.mnt / "wheels")
    shutil.copytree(tree, machine.mnt / "initpy")
    offline = "export PIP_NO_INDEX=1 PIP_FIND_LINKS=/mnt/wheels\ncd /mnt/initpy\n"
    machine.sh(offline + commands())
    return machine


def test_readme(installed):
    """The script that it leaves runs, and so does the command."""
    code, said = installed.service("nginx", "status")

    assert (3, "nginx: stopped\n") == (code, said)
    assert "nginx" in installed.sh("/opt/initpy/bin/initpy status")


def test_python_is_upgraded(installed):
    """With the folders of another version of Python, a script works, and says so."""
    version = installed.python()
    move = f"""
        mv /opt/initpy/lib/python{version} /opt/initpy/lib/python3.1
        sed -i s,/python{version}/,/python3.1/,g /etc/init.d/nginx
        sed -i 's,python="{version}",python="3.1",' /etc/init.d/nginx
    """

    said = installed.sh(LEFT.format(change=move))

    assert said == ""


def test_library_is_gone(installed):
    """With an environment that is empty, nothing is known or done, and each action says so."""
    said = installed.sh(LEFT.format(change="rm -r /opt/initpy/lib/python*")).splitlines()

    sentence = "nginx: initpy cannot be used: ModuleNotFoundError: No module named 'initpy'"
    assert [f"status 4 1 {sentence}", f"reload 1 1 {sentence}", f"stop 1 1 {sentence}", "1"] == [
        line.partition(" (")[0] for line in said
    ]
