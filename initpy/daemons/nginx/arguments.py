"""Read which configuration an nginx was started with from the command line in its title."""

from __future__ import annotations

import os.path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...service import Service


def names_configuration(service: Service, command: str) -> bool:
    """Tell whether *command*, the arguments joined by blanks, names the service's configuration.

    A path that is relative is relative to the prefix, which ``-p`` sets.
    """
    if not service.config_flags or service.config is None:
        return True
    for flag in service.config_flags:
        if any(f" {flag}{gap}{service.config} " in f"{command} " for gap in (" ", "")):
            return True
    words = command.split(" ")
    flag = next((one for one in service.config_flags if any(w.startswith(one) for w in words)), "")
    if not flag:
        return service.config == service.default_config
    prefix = _after("-p", words) or service.prefix
    return os.path.normpath(os.path.join(prefix, _after(flag, words))) == service.config


def _after(flag: str, words: list[str]) -> str:
    """Return the value of a flag: the next word, or the rest of the same word."""
    for index, word in enumerate(words):
        if word == flag:
            return words[index + 1] if index + 1 < len(words) else ""
        if word.startswith(flag):
            return word[len(flag) :]
    return ""
