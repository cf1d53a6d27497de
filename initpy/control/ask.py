"""Ask the daemon on disk what its configuration says: it reads its own syntax best."""

from __future__ import annotations

from ..contracts import Configuration
from ..errors import InitError
from ..host import Host
from ..service import Service, resolve
from ..state.configuration import read_configuration
from .run import Finished, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import Pool, ReadDump
    from ..host import Surroundings

WITHIN = 10.0  # seconds; it answers in some hundredths of one
MOST_BYTES = 16 << 20  # of its answer: some kilobytes for each pool


def ask_configuration(
    service: Service, host: Host, surroundings: Surroundings | None = None
) -> Configuration:
    """Return the configuration as the daemon on disk understands it.

    surroundings: those of the master that is to read it, if not those of a start.

    If the daemon has no such answer, or does not give it, it is what is read in the file.
    The daemon is run. It writes to no log, and may create the access logs of pools, as its
    test does. This is no test: it succeeds where a test fails on an error log that cannot
    be opened.
    """
    written = read_configuration(service, host)
    if service.read_dump is None:
        return written
    try:
        finished = ask(service, service.dump_text, host, surroundings)
    except InitError as exc:
        host.explain(f"{service.daemon} cannot be asked for its configuration: {exc}")
        return written
    read: ReadDump = resolve(service.read_dump)
    told = None if finished.code else read(service, finished.output, written, host)
    if told is None:
        host.explain(f"{service.daemon} does not tell its configuration: the file is read")
    return told or written


def pools_on_disk(service: Service, host: Host) -> tuple[Pool, ...]:
    """Return the pools of the configuration as it is now; () of a daemon that has none."""
    return ask_configuration(service, host).pools if service.on_demand else ()


def ask(
    service: Service, text: str, host: Host, surroundings: Surroundings | None = None
) -> Finished:
    """Have the daemon print the configuration that it makes of a file of that text.

    Raises what ``run`` raises.
    """
    fd = host.memory_file(text.replace("{config}", service.config or ""))
    try:
        arguments = [arg.replace("{file}", f"/dev/fd/{fd}") for arg in service.dump_args]
        return run(
            [service.daemon, *arguments, *service.options],
            host,
            within=min(service.timeout, WITHIN),
            environment=service.environment,
            descriptors=(fd,),
            surroundings=surroundings,
            most=MOST_BYTES,
        )
    finally:
        host.close(fd)
