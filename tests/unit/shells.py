"""Settings files in two readings: initpy's, and that of sh(1)."""

from __future__ import annotations

import os
import re
import subprocess

from initpy.errors import SettingsError
from initpy.settings.shell import Shell

# Reads a file as an init script does. Prints what is exported, then every variable that is set.
SCRIPT = """. {path}
command env -0; printf "\\0=\\0"; set +aeu
for _k in {names}; do eval "case \\${{$_k+x}} in x) export $_k;; esac"; done
command env -0
"""
OF_A_SHELL = {"PWD", "OLDPWD", "_", "_k"}


class Reader:
    """Reads texts in both ways."""

    def __init__(self, folder, before=()):
        """Take a folder to write into, and what is to run the shell."""
        self.path = str(folder / "settings")
        self.folder = folder
        self.before = before

    def as_sh(self, text):
        """Return the variables that sh has, and those that it exports; none if it ends."""
        with open(self.path, "wb") as file:
            file.write(os.fsencode(text))
        names = " ".join({*re.findall(r"\b[A-Za-z_]\w*", text, re.ASCII), "A", "B"} - {"_k"})
        ran = subprocess.run(
            [*self.before, "env", "-i", "sh", "-c", SCRIPT.format(path=self.path, names=names)],
            capture_output=True,
            check=False,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
        )
        given, _, there = os.fsdecode(ran.stdout).partition("\0=\0")
        return _variables(there), _variables(given)

    def as_initpy(self, text):
        """Return the shell that has read the text."""
        shell = Shell(self.read_file)
        shell.read(self.path, text)
        return shell

    @staticmethod
    def read_file(path):
        """Return what stands in a file that another one has read."""
        if path.startswith("/untrusted"):
            raise SettingsError(f"{path} is not trusted")
        try:
            with open(path) as file:
                return file.read()
        except OSError:
            return None


def _variables(text):
    pairs = (pair.partition("=") for pair in text.split("\0") if pair)
    return {key: value for key, _, value in pairs if key not in OF_A_SHELL}


def known(shell):
    """Return the values that can be told."""
    values = shell.variables.values.items()
    return {key: one.value for key, one in values if not one.unknown}


def unknown(shell):
    """Return the keys whose values cannot be told."""
    return {key for key, one in shell.variables.values.items() if one.unknown}


def exported(shell):
    """Return the values that are exported for sure."""
    sure = shell.variables.exported
    return {key: one for key, one in known(shell).items() if sure.get(key, key) is None}


def agree(reader, text):
    """Assert that what can be told is what sh has and exports, and that nothing is missing."""
    expected, given = reader.as_sh(text)
    shell = reader.as_initpy(text)
    doubtful = unknown(shell)
    told = known(shell)

    assert told == {key: one for key, one in expected.items() if key in told}, text
    if shell.variables.any_other is None:
        assert expected.keys() - {"PATH"} <= told.keys() | doubtful, text
        sure = exported(shell)
        unsure = doubtful | (shell.variables.exported.keys() - sure.keys())
        given = {key: one for key, one in given.items() if key not in unsure | {"PATH"}}
        assert sure == given, text
    return shell
