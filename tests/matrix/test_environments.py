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
# A copy of the environment and of nginx's script is changed; nginx runs. That script is run then.
CHANGED = """
mkdir /opt/{name}
cp -a /opt/initpy/lib /opt/{name}
sed s,/opt/initpy/,/opt/{name}/, /etc/init.d/nginx >/opt/{name}/nginx
cd /opt/{name}
{change}
service nginx start >/dev/null
for action in status reload stop; do
    code=0
    python3 -IS ./nginx $action >said 2>&1 || code=$?
    echo "$action $code" $(pgrep -c -f 'nginx: [m]aster') $(cat said)
done
service nginx stop >/dev/null
"""


def commands():
    """Return the block of the README that makes one."""
    (block,) = re.findall(
        r"^( +apt-get install python3-venv.*?)\n\n\S", README, re.MULTILINE | re.DOTALL
    )
    return dedent(block)


def before(told, lines):
    """Return what stands before a sentence in each line."""
    return [line.partition(f" {told}")[0] for line in lines]


@pytest.fixture(scope="module")
def installed(suite, tree, tmp_path_factory):
    """Return a machine of that suite on which the README was followed, without a network."""
    machine = Machine(building_root(suite), tmp_path_factory.mktemp("environment"))
    shutil.copytree(wheels_for(machine.python(), *LIBRARIES, *BUILDING), machine.mnt / "wheels")
    shutil.copytree(tree, machine.mnt / "initpy")
    offline = "export PIP_NO_INDEX=1 PIP_FIND_LINKS=/mnt/wheels\ncd /mnt/initpy\n"
    machine.sh(offline + commands())
    return machine


def test_readme(installed):
    """The scripts that it leaves run, and so does the command."""
    start = "for name in nginx php-fpm; do service $name start; done"

    said = installed.sh(f"{start}; /opt/initpy/bin/initpy status")

    assert ["nginx: running", "php-fpm: running"] == re.findall("^.*: running", said, re.MULTILINE)


def test_python_is_upgraded(installed):
    """A script that was generated for another version of Python works, and says so."""
    version = installed.python()
    change = f"mv lib/python{version} lib/python3.1; sed -i s,{version},3.1,g nginx"

    said = installed.sh(CHANGED.format(name="upgraded", change=change)).splitlines()

    told = f"nginx: this script was generated for Python 3.1, and is run by Python {version}: "
    assert ["status 0 1", "reload 0 1", "stop 0 0"] == before(told, said)


def test_library_is_gone(installed):
    """With an environment that is empty nothing is known or done, and each action says so."""
    said = installed.sh(CHANGED.format(name="empty", change="rm -r lib/*")).splitlines()

    told = "nginx: initpy cannot be used: ModuleNotFoundError: No module named 'initpy'"
    assert ["status 4 1", "reload 1 1", "stop 1 1"] == before(told, said)
