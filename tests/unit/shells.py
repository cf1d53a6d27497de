"""Settings files in two readings: initpy's, and that of sh(1)."""

from __future__ import annotations

import os
import subprocess

from initpy.errors import SettingsError
from initpy.settings.shell import Shell

# Reads a file as an init script does; whatever it sets is exported, and printed.
SHELL = ["env", "-i", "sh", "-c", 'set -a; . "$1"; command env -0', "sh"]
OF_A_SHELL = {"PWD", "OLDPWD", "_"}


class Reader:
    """Reads texts in both ways."""

    def __init__(self, folder, before=()):
        """Take a folder to write into, and what is to run the shell."""
        self.path = str(folder / "settings")
        self.folder = folder
        self.before = before

    def as_sh(self, text):
        """Return the variables that sh has; none if it ends."""
        with open(self.path, "wb") as file:
            file.write(os.fsencode(text))
        ran = subprocess.run(
            [*self.before, *SHELL, self.path], capture_output=True, check=False, cwd=self.folder
        )
        pairs = (pair.partition("=") for pair in os.fsdecode(ran.stdout).split("\0") if pair)
        return {key: value for key, _, value in pairs if key not in OF_A_SHELL}

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


def known(shell):
    """Return the values that can be told."""
    values = shell.variables.values.items()
    return {key: one.value for key, one in values if not one.unknown}


def unknown(shell):
    """Return the keys whose values cannot be told."""
    return {key for key, one in shell.variables.values.items() if one.unknown}


def agree(reader, text):
    """Assert that what can be told is what sh has, and that nothing else is missing."""
    expected = reader.as_sh(text)
    shell = reader.as_initpy(text)
    doubtful = unknown(shell)
    told = known(shell)

    assert told == {key: one for key, one in expected.items() if key in told}, text
    assert expected.keys() - {"PATH"} <= told.keys() | doubtful, text
    return shell
