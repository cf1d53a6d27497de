"""The command lines of a unit: their prefixes, words and variables. See systemd.service(5).

``$KEY`` as a word of its own stands for the words of its value, ``${KEY}`` for exactly its
value. Where the unit names no EnvironmentFile=, all values are known, and stand in the command
line. Otherwise it holds ``{KEY}``, which a start replaces.
"""

from __future__ import annotations

import re

from ....arguments import systemd_words
from ....value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .unit import Unit

_SEARCHED = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_PREFIXES = "@-:+!"
_END = "\0"  # of one of several commands in a line: no word has it
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\$")
# What systemd sets, and we do not know: systemd.exec(5).
_BY_SYSTEMD = ("HOME", "SHELL", "PATH", "INVOCATION_ID", "CREDENTIALS_DIRECTORY")
_OURS = ("config", "pidfile", "pid")  # what else a command line of ours may hold in braces
# The directories that systemd makes, the key of their mode, and the variable that names them.
DIRECTORIES = {
    "RuntimeDirectory": ("/run", "RUNTIME_DIRECTORY"),
    "StateDirectory": ("/var/lib", "STATE_DIRECTORY"),
    "CacheDirectory": ("/var/cache", "CACHE_DIRECTORY"),
    "LogsDirectory": ("/var/log", "LOGS_DIRECTORY"),
    "ConfigurationDirectory": ("/etc", "CONFIGURATION_DIRECTORY"),
}


class Command(Value):
    """One command line of a unit, with its variables."""

    program: str  # absolute path
    args: tuple[str, ...]
    argv0: str = ""  # what it is called by, if that is not its path: "@"
    may_fail: bool = False  # "-"
    literal: bool = False  # ":": a "$" is no variable
    as_root: bool = False  # "+" and "!": User= does not count


def commands(unit: Unit, key: str) -> list[Command]:
    """Return the command lines of a key. Raises Untranslatable."""
    found = []
    for line in unit.listed(key):
        words: list[str] = []
        for word in [*unit.split(key, line, between=_END), _END]:
            if word != _END:
                words.append(";" if word == "\\;" else unit.expand(word))
            elif words:
                found.append(_command(unit, key, words))
                words = []
    return found


def _command(unit: Unit, key: str, words: list[str]) -> Command:
    program = words[0].lstrip(_PREFIXES)
    prefixes = words[0][: len(words[0]) - len(program)]
    args = words[1:]
    argv0 = args.pop(0) if "@" in prefixes and args else ""
    if "/" not in program:
        places = [f"{folder}/{program}" for folder in _SEARCHED]
        found = next(filter(unit.host.is_executable, places), "")
        if not found:
            raise unit.refusal(f"{key}= names {program}, which is not in {':'.join(_SEARCHED)}")
        program = found
    if not program.startswith("/"):
        raise unit.refusal(f"{key}= names {program}, which is not an absolute path")
    return Command(
        program=program,
        args=tuple(args),
        argv0=argv0,
        may_fail="-" in prefixes,
        literal=":" in prefixes,
        as_root="+" in prefixes or prefixes.count("!") == 1,
    )


class Variables:
    """The environment of a unit, and which of its variables the command lines name.

    settled: the variables whose values are known when the unit is translated.
    files:   what EnvironmentFile= says, each an absolute path, behind "-" if it may be missing.
    """

    def __init__(self, unit: Unit, user: str, pidfile: str) -> None:
        """Take them from the unit of a daemon of *user*, "" for root. Raises Untranslatable."""
        self._unit = unit
        self.files = tuple(unit.expand(path) for path in unit.listed("EnvironmentFile"))
        for path in self.files:
            if not path.removeprefix("-").startswith("/"):
                raise unit.refusal(f"EnvironmentFile={path} is not an absolute path")
        self.settled: dict[str, str] = {}
        for key, (folder, variable) in DIRECTORIES.items():
            names = [name.partition(":")[0].rstrip("/") for name in unit.words(key)]
            if names:
                self.settled[variable] = ":".join(f"{folder}/{name}" for name in names)
        for word in unit.words("Environment"):
            name, is_assignment, value = word.partition("=")
            if is_assignment and _NAME.fullmatch(name):
                self.settled[name] = value
        # Those that systemd sets by itself: systemd.exec(5).
        self._set = {"USER": user or "root", "LOGNAME": user or "root", "PIDFILE": pidfile}

    def filled(self, command: Command, *, pid: bool = False) -> tuple[str, ...]:
        """Return a command line of ours: the program, and its arguments.

        pid: $MAINPID is known, the pid of the master.
        """
        own = {"MAINPID": "{pid}"} if pid else {}
        args = [command.program.replace("{", "{{").replace("}", "}}")]
        for word in command.args:
            if command.literal:
                args.append(plain(word))
            elif word.startswith("$") and word[1:2] not in ("{", "$", ""):
                args += self._words_of(word[1:], own)
            else:
                args.append(self._within(word, own))
        return tuple(args)

    def _words_of(self, name: str, own: Mapping[str, str]) -> list[str]:
        if name in own:
            return [own[name]]
        if self._is_read(name):
            return [f"{{{name}}}"]
        return [plain(word) for word in systemd_words(self._value(name))]

    def _within(self, word: str, own: Mapping[str, str]) -> str:
        found, at = "", 0
        for match in _BRACED.finditer(word):
            found += plain(word[at : match.start()])
            at = match.end()
            name = match[1]
            if not name:
                found += "$"
            elif name in own:
                found += own[name]
            elif self._is_read(name):
                # Braces alone would stand for words; with a conversion it is one argument.
                found += f"{{{name}!s}}"
            else:
                found += plain(self._value(name))
        return found + plain(word[at:])

    def _is_read(self, name: str) -> bool:
        """Tell whether a start reads the value of a variable. Raises Untranslatable."""
        by_systemd = (*self._set, *_BY_SYSTEMD)
        if not self.files or (name in by_systemd and name not in self.settled):
            return False
        if name in _OURS:
            raise self._unit.refusal(f"a variable of its command lines is called {name}")
        return _NAME.fullmatch(name) is not None

    def _value(self, name: str) -> str:
        if name in _BY_SYSTEMD and name not in self.settled:
            raise self._unit.refusal(f"only systemd can tell what ${name} stands for")
        return {**self._set, **self.settled}.get(name, "")


def plain(text: str) -> str:
    """Return a text in which no brace means anything."""
    return text.replace("{", "{{").replace("}", "}}")
