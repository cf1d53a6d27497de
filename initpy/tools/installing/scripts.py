"""Read the init scripts of a host: which of them are wrappers, and which start the same daemon.

A script is read, and nothing of it is run. Its variables are followed as far as that needs
no command, and so are the settings files that it reads.
"""

from __future__ import annotations

import os.path
import re

from ...host import Host
from ...service import Service
from ...systemctl import DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 1 << 16  # bytes that are read of a script; the import stands near its beginning
_IMPORT = "from initpy.cli import"
_LEFTOVER = re.compile(r"~$|\.(dpkg-\w+|ucf-\w+|rpm\w+|bak|old|orig|save|swp)$")
_FACT = re.compile(r'^\s+(daemon|config|pidfile)="(.+)",$', re.MULTILINE)

_ASSIGNMENT = re.compile(r"\s*(?:(?:export|readonly|local)\s+)?([A-Za-z_]\w*)=(.*)")
_SOURCE = re.compile(r"(?:^|[\s;&|])(?:\.|source)\s+(\S+)")
_EXPANSION = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?[-=]([^{}]*))?\})")
_BEFORE_PROGRAM = ("--exec", "-x", "--startas", "-a", "exec", "daemon", "startproc", "start_daemon")
_DEPTH = 8  # of variables that name each other


def scripts(host: Host) -> list[str]:
    """Return the executable scripts in /etc/init.d, but for what editors and packages leave."""
    return [
        path
        for path in host.glob(f"{DIRECTORY}/*")
        if not _LEFTOVER.search(path) and host.is_executable(path)
    ]


def text_of(path: str, host: Host) -> str:
    """Return the beginning of a file, links followed, or "" if it is not a regular file."""
    facts = host.examine(host.realpath(path), _MOST)
    return facts.text if facts is not None and facts.regular else ""


def is_wrapper(text: str) -> bool:
    """Tell whether a script uses this library."""
    return any(line.lstrip().startswith(_IMPORT) for line in text.splitlines())


def starts_same(service: Service, path: str, host: Host) -> bool:
    """Tell whether a script starts this daemon with this configuration, compared as files.

    Without a configuration the pidfile tells one instance from another, if the script names one.
    """
    daemons, configs, pidfiles = _facts(service, path, host)
    ours = host.file_id(service.daemon)
    if not any(_is_file(daemon, ours, host) for daemon in daemons):
        return False
    if service.config is None:
        return not pidfiles or host.realpath(service.pidfile) in map(host.realpath, pidfiles)
    named = configs or {service.default_config or service.config}

    def file(path: str) -> object:
        return host.file_id(path) or path

    return file(service.config) in map(file, named)


def _facts(service: Service, path: str, host: Host) -> tuple[set[str], set[str], set[str]]:
    """Return the programs that a script starts, the configurations and pidfiles that it names."""
    text = text_of(path, host)
    if is_wrapper(text):
        facts = dict(_FACT.findall(text))
        configs = {facts["config"]} if "config" in facts else set()
        return {facts.get("daemon", "")}, configs, {facts.get("pidfile", "")} - {""}
    variables: dict[str, str] = {}
    name = path.rpartition("/")[2]
    _assign(text_of(f"/etc/conf.d/{name}", host), variables, host)  # OpenRC reads it itself
    _assign(text, variables, host)
    ours = host.file_id(service.daemon)
    daemons = {*variables.values()}
    configs, paths = set(), set(variables.values())
    for words in _commands(text, variables):
        paths.update(words)
        places = [n for n, word in enumerate(words) if _is_file(word, ours, host)]
        if places and (places[0] == 0 or words[places[0] - 1] in _BEFORE_PROGRAM):
            daemons.add(words[places[0]])
        if places:
            rest = words[places[0] + 1 :]
            arguments = rest[rest.index("--") + 1 :] if "--" in rest else rest
            configs.update(_configs(service, arguments))
    return daemons, configs, {path for path in paths if path[:1] == "/" and path.endswith(".pid")}


def _configs(service: Service, arguments: list[str]) -> set[str]:
    """Return the configurations that the arguments of the daemon name."""
    pairs = list(zip(arguments, [*arguments[1:], ""]))
    prefix = next((value for word, value in pairs if word == "-p"), service.prefix)
    found = set()
    for word, following in pairs:
        flag, equals, value = word.partition("=")
        if flag in service.config_flags:
            found.add(os.path.join(prefix, value if equals else following))
    return found


def _is_file(path: str, file: object, host: Host) -> bool:
    return path.startswith("/") and file is not None and host.file_id(path) == file


def _assign(text: str, variables: dict[str, str], host: Host, *, deep: bool = True) -> None:
    """Follow the assignments of a script, and of the settings files that it reads."""
    for line in text.splitlines():
        if found := _ASSIGNMENT.match(line):
            words = _words(found[2])
            variables[found[1]] = _expanded(words[0], variables) if words else ""
        elif deep and not line.lstrip().startswith("#"):
            for sourced in _SOURCE.findall(line):
                path = _expanded(sourced.strip("\"'"), variables)
                if path.startswith("/etc/"):
                    _assign(text_of(path, host), variables, host, deep=False)


def _commands(text: str, variables: dict[str, str]) -> Iterator[list[str]]:
    """Yield the words of each command, with the variables as they are in the end."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("#"):
            continue
        for command in re.split(r"[;&|()]+", _expanded(line, variables)):
            words = [word.strip("\"'") for word in command.split()]
            if words and words[0] in ("then", "else", "do", "if", "!"):
                words = words[1:]
            if words and words[0] not in ("[", "[[", "test"):
                yield words
    # OpenRC puts command and command_args together itself.
    if arguments := variables.get("command_args", "").split():
        yield [variables.get("command", ""), *arguments]


def _words(text: str) -> list[str]:
    import shlex

    try:
        return shlex.split(text, comments=True)
    except ValueError:  # a quotation of several lines
        return []


def _expanded(text: str, variables: dict[str, str]) -> str:
    """Return a text with its variables replaced by their values.

    >>> _expanded("${A:-/usr}/sbin/$B", {"B": "nginx"})
    '/usr/sbin/nginx'
    """

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return variables.get(name) or found[3] or ""

    for _ in range(_DEPTH):
        new = _EXPANSION.sub(value, text)
        if new == text:
            break
        text = new[:_MOST]
    return text
