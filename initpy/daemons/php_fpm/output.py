"""What php-fpm logs of its workers' output, with catch_workers_output: fpm_stdio_child_said."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...contracts import Configuration

_TITLE = "php-fpm: pool "
_FLUSH = b"\0fscf\0"  # a worker writes it after each request (fpm_stdio_flush_child)
_LIMIT = 1024  # bytes of a line of the log, its end included (log_limit)


def logged(
    config: Configuration,
    title: str,
    pid: int,
    stream: int,
    said: bytes,
    now: Callable[[str], str],
) -> bytes:
    r"""Return the lines of the log for a line that a worker has written.

    A line that is too long goes on in the next one (zlog_stream_buf_append).

    >>> from initpy.contracts import Configuration
    >>> logged(Configuration(), "php-fpm: pool www", 7, 2, b"hello", lambda _: "[now] ")
    b'[now] WARNING: [pool www] child 7 said into stderr: "hello"\n'
    """
    name = title[len(_TITLE) :].strip()
    plain = any(pool.plain_output for pool in config.pools if pool.name == name)
    before, after = b"", b""
    if not plain:
        channel = "stdout" if stream == 1 else "stderr"
        stamp = now("[%d-%b-%Y %H:%M:%S] ")
        who = f"[pool {name}] child {pid} said into {channel}" if title else "an old child said"
        head = f'{stamp}WARNING: {who}: "'
        before, after = head.encode(errors="surrogateescape"), b'"'
    room = max(1, _LIMIT - 1 - len(before) - len(after))
    lines = []
    for text in filter(None, said.split(_FLUSH)):
        lines += [text[at : at + room] for at in range(0, len(text), room)]
    return b"".join(before + line + after + b"\n" for line in lines)
