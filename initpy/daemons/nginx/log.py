"""Read the lines of nginx's error log."""

from __future__ import annotations

from ...contracts import UDP, Report

# The most severe first: the reason is the first line of the first level that occurs.
_FAILURES = ("[emerg] ", "[alert] ", "[crit] ")
_WARNING = "[warn] "
# A key with a passphrase, which OpenSSL asks for on the terminal of the process.
_ASKS, _NO_ANSWER = ": PEM_read_bio_PrivateKey() failed", "problems getting password"
_NOBODY_ANSWERS = "nobody can be asked for its passphrase: give it by ssl_password_file"
_TIME = "0000/00/00 00:00:00 "


def read(text: str, pid: int = 0) -> Report:
    r"""Return the failure that *text* describes.

    pid: read only the [emerg] lines of this master. A line of a worker, or of another
         instance with the same log, is not a reason why this master failed.

    What a client asked for stands in the log, too: a level counts only where nginx writes
    it, and not in a line about a connection.

    >>> read("2026/11/23 19:19:50 [emerg] 42#42: unknown directive\nnginx: test failed").reason
    'unknown directive'
    """
    lines = text.removesuffix("\n").split("\n")  # a client may send any other end of a line
    signs = (f"[emerg] {pid}#",) if pid else _FAILURES
    said = {line: message for line in lines if (message := _message(line))}
    failures = tuple(line for line, message in said.items() if message.startswith(signs))
    return Report(
        reason=_reason([said[line] for line in failures]) or lines[-1],
        lines=failures,
        warnings=tuple(_words(one, _WARNING) for one in said.values() if one.startswith(_WARNING)),
        unbound=_unbound(failures) if "bind()" in text else (),
    )


def _message(line: str) -> str:
    """Return what nginx says in a line: "[emerg] 42#42: ..."; "" if that is of a connection."""
    message = line.removeprefix("nginx: ")  # before its log is open
    time = line[: len(_TIME)]
    if "".join("0" if one.isdigit() else one for one in time) == _TIME:
        message = line[len(_TIME) :]
        if message.partition(": ")[2].startswith("*"):  # its number (ngx_log_error_core)
            return ""
    return message if message.startswith("[") else ""


def _unbound(failures: tuple[str, ...]) -> tuple[str, ...]:
    import re  # costs more than most reloads say

    # bind() to [::]:80 failed. It does not say whether that is a port of TCP or of udp.
    places = re.findall(r"bind\(\) to (?:unix:)?([^\s',]+)", "\n".join(failures))
    return (*places, *(f"{place}{UDP}" for place in places if not place.startswith("/")))


def _reason(messages: list[str]) -> str:
    """Return the worst message without its level and process."""
    for sign in _FAILURES:
        for message in messages:
            if message.startswith(sign):
                words = _words(message, sign)
                key, asks, _ = words.partition(_ASKS)
                return f"{key}: {_NOBODY_ANSWERS}" if asks and _NO_ANSWER in words else words
    return ""


def _words(message: str, sign: str) -> str:
    words = message[len(sign) :]
    number, _, rest = words.partition(": ")
    return rest if "#" in number and number.replace("#", "").isdigit() else words
