"""The command line of nginx, read as nginx reads it (ngx_get_options, ngx_process_options)."""

from __future__ import annotations

from ...value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...service import Service

_FLAGS = "?hvVtTq"
_WITH_VALUE = "pecgs"


class Options(Value):
    """What nginx takes from its arguments: the last of each option counts."""

    config: str | None = None  # -c
    prefix: str | None = None  # -p, as nginx completes it: with a slash at its end
    directives: str = ""  # -g
    error_log: str | None = None  # -e
    signal: str | None = None  # -s
    invalid: str = ""  # the argument that nginx would refuse


def read_options(arguments: Sequence[str]) -> Options:
    """Read the arguments that follow argv[0].

    Flags may stand in a cluster, and a value may stick to its letter: ``-qc FILE``, ``-cFILE``.

    >>> read_options(["-qc", "/a", "-p", "/srv"])
    Options(config='/a', prefix='/srv/', directives='', error_log=None, signal=None, invalid='')
    """
    values: dict[str, str] = {}
    for _flags, letter, value, words in _options(arguments):
        if value is None:
            return Options(invalid=words[0] or '""')
        values[letter] = value
    prefix = values.get("p")
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    return Options(
        config=values.get("c"),
        prefix=prefix,
        directives=values.get("g", ""),
        error_log=values.get("e"),
        signal=values.get("s"),
    )


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str, str | None, list[str]]]:
    """Yield the flags of each argument, then the letter of an option, its value, and its words.

    The letter is "" if there are only flags. The value is None if nginx refuses the
    argument: then it is the last.
    """
    rest = list(arguments)
    while rest:
        words = [rest.pop(0)]
        cluster = words[0][1:]
        flags = cluster[: len(cluster) - len(cluster.lstrip(_FLAGS))]
        letter, value = cluster[len(flags) :][:1], cluster[len(flags) + 1 :]
        if not words[0].startswith("-") or (letter and letter not in _WITH_VALUE):
            yield flags, letter, None, words
            return
        if letter and not value:
            if not rest:
                yield flags, letter, None, words
                return
            words.append(rest.pop(0))
            value = words[1]
        yield flags, letter, value, words


def take_config(service: Service, options: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Take ``-c`` out of the administrator's options; return its path, and the rest.

    Options that nginx refuses are left as they are: it tells why.

    >>> from initpy.daemons.nginx import NGINX
    >>> take_config(NGINX, ("-qc", "conf/a.conf", "-p", "/srv"))
    ('/srv/conf/a.conf', ('-q', '-p', '/srv'))
    """
    read = read_options(options)
    if read.invalid or not read.config:
        return None, options
    rest: list[str] = []
    for flags, letter, _value, words in _options(options):
        if letter != "c":
            rest += words
        elif flags:
            rest.append(f"-{flags}")
    from os.path import join, normpath

    return normpath(join("/", read.prefix or service.prefix, read.config)), (*rest,)


def configuration(service: Service, command: str) -> str | None:
    """Return the configuration that a master reads, by the command line in its title.

    The path may be relative: then it is relative to the master's working directory.
    None if the command line cannot be read.
    """
    options = read_options(_split(service, command))
    if options.invalid:
        return None
    path = options.config or service.default_config
    if path is None or path.startswith("/"):
        return path
    prefix = f"{service.prefix.rstrip('/')}/" if options.prefix is None else options.prefix
    return prefix + path


def _split(service: Service, command: str) -> list[str]:
    """Return the arguments of *command*, in whose title they are joined by blanks.

    A value that has blanks of its own, as of ``-g``, goes on up to the next word that
    begins with a dash.
    """
    if command == service.daemon or command.startswith(f"{service.daemon} "):
        words = command[len(service.daemon) + 1 :].split(" ")
    else:
        words = command.split(" ")[1:]
    arguments: list[str] = []
    for word in words:
        if arguments and not word.startswith("-") and _takes_more(arguments):
            arguments[-1] += f" {word}"
        elif word or arguments:
            arguments.append(word)
    return arguments


def _takes_more(arguments: list[str]) -> bool:
    """Tell whether the last argument is a value, or an option with its value."""
    last = arguments[-1]
    return not last.startswith("-") or any(
        letter in _WITH_VALUE and place < len(last) for place, letter in enumerate(last[1:], 2)
    )
