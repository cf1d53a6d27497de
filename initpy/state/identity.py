"""To which service a process belongs: proofs by looking at the process itself.

A process is the service's master if all that can be seen of it agrees: it is root's or
ours, in our pid and network namespaces, with our root directory; it runs the service's
daemon; and the configuration that it reads is the service's file, as it sees that file.
What may not be seen (a user without rights, root without CAP_SYS_PTRACE) is left out.
"""

from __future__ import annotations

from ..errors import NotPermitted
from ..host import Host, Process, ProcessFacts
from ..service import Service, resolve
from .titles import tells_instance, template, told_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import ReadCommandLine


def is_master(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether that process is a master of *service*.

    A worker just forked bears its master's title for some milliseconds; who
    scans for masters has to rule those out (``scan``).
    """
    return not why_not(service, facts, host)


def why_not(service: Service, facts: ProcessFacts, host: Host, *, any_binary: bool = False) -> str:
    """Return why that process is not a master of *service*, or "" if it is.

    any_binary: it need not run the daemon; that it is ours is known by its lineage.
    """
    reason = _why_not(service, facts, host, any_binary=any_binary)
    host.explain(f"pid {facts.process} ({facts.title[:60]}): {reason or 'it is the master'}")
    return reason


def _why_not(service: Service, facts: ProcessFacts, host: Host, *, any_binary: bool) -> str:
    told = ""
    if service.master_title is not None:
        part = told_by(service, facts.title)
        if part is None:
            return "its title is not that of a master"
        told = part
    if reason := why_elsewhere(facts, host):
        return reason
    if not any_binary and not _runs_or_is_renamed(service, told, facts, host):
        return f"it runs {facts.exe}, not {service.daemon}"
    return _why_other_configuration(service, told, facts, host)


def why_elsewhere(facts: ProcessFacts, host: Host) -> str:
    """Return what keeps a process from being any service of ours, or "".

    It is another user's, a container's, in a chroot, or in another network.
    """
    if facts.uid not in (0, host.geteuid()):
        return f"it belongs to uid {facts.uid}"
    return why_elsewhere_whoever(facts, host)


def why_elsewhere_whoever(facts: ProcessFacts, host: Host) -> str:
    """Do what ``why_elsewhere`` does, of a process of whatever user: a worker."""
    return why_in_another_network(facts, host) or why_in_another_root(facts, host)


def why_in_another_network(facts: ProcessFacts, host: Host) -> str:
    """Return what keeps a process from serving beside us, in our namespaces, or ""."""
    if facts.nested:
        return "it is in another pid namespace"
    pid = facts.process.pid
    net, ours = host.namespace(pid, "net"), host.namespace(host.getpid(), "net")
    host.explain(f"pid {pid}: network namespace {net or 'not to be seen'}, ours is {ours}")
    if net not in (None, ours):
        return "it is in another network namespace"
    return ""


def why_in_another_root(facts: ProcessFacts, host: Host) -> str:
    """Return what there is to say if a process has another root directory than we, or ""."""
    pid = facts.process.pid
    root, our_root = host.root_file(pid), host.file_id("/")
    host.explain(f"pid {pid}: root directory {_file(root)}, ours is {_file(our_root)}")
    if root not in (None, our_root) or _has_another_root_mount(pid, host):
        return "its root directory is another one"
    return ""


def _has_another_root_mount(pid: int, host: Host) -> bool:
    """Tell whether the root of a process in our mount namespace is another mount than ours."""
    ours = host.getpid()
    if host.namespace(pid, "mnt") != host.namespace(ours, "mnt"):
        return False
    return host.root_mount(pid) not in (None, host.root_mount(ours))


def is_starting(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether that process is the daemon on its way to be a master of *service*.

    It runs the daemon with the arguments of a start, and has no title yet.
    """
    if list(facts.argv[1:]) != service.command(service.start_args)[1:]:
        return False
    if why_elsewhere(facts, host):
        return False
    if facts.forked and host.age(facts.process) > INFANCY:
        return False  # a helper that the daemon has forked: one that starts has a title by now
    return runs(service, facts, host)


INFANCY = 2.0  # seconds within which a fork of the daemon has a title of its own


def runs(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether that process runs this daemon's binary, as far as we may see.

    The file itself is compared, and the path at the time of exec: the binary may have
    been replaced since.
    """
    if facts.exe is None or is_daemon(service, facts.exe, host):
        host.explain(f"pid {facts.process}: executable {facts.exe or 'not to be seen'}")
        return True
    running = host.exe_file(facts.process)
    disk = _file(host.file_id(service.daemon))
    host.explain(
        f"pid {facts.process}: executable {facts.exe}, file {_file(running)}, "
        f"{service.daemon} is file {disk}"
    )
    return running is not None and running == host.file_id(service.daemon)


def binary_replaced(service: Service, process: Process, host: Host) -> bool | None:
    """Tell whether the daemon on disk is another file than that which *process* runs.

    None if we may not see it, or if the daemon is a script: its interpreter runs.
    """
    running = host.exe_file(process)
    replaced = None if running is None else running != host.file_id(service.daemon)
    if replaced and not tells_instance(service):
        exe = host.exe(process.pid)
        return True if exe is not None and is_daemon(service, exe, host) else None
    return replaced


def _file(device_and_inode: tuple[int, int] | None) -> str:
    """Say which file it is, for an explanation."""
    return "not to be seen" if device_and_inode is None else "{}:{}".format(*device_and_inode)


def is_daemon(service: Service, exe: str, host: Host) -> bool:
    """Tell whether that is the path of the daemon."""
    return exe == service.daemon or exe == host.realpath(service.daemon)


def _runs_or_is_renamed(service: Service, told: str, facts: ProcessFacts, host: Host) -> bool:
    if facts.exe is None and told:
        # A caller that may not read exe may not send signals either; it is enough for status.
        _, placeholder, _ = template(service.master_title or "")
        name = told.split(" ", 1)[0].rpartition("/")[2]
        return placeholder == "config" or name == service.daemon.rpartition("/")[2]
    if runs(service, facts, host):
        return True
    # nginx's own "make install" renames the running binary: argv[0] is its path still.
    if f"{told} ".startswith(f"{service.daemon} "):
        return True
    from .record import is_recorded_master

    return is_recorded_master(service, facts.process, host)


def _why_other_configuration(service: Service, told: str, facts: ProcessFacts, host: Host) -> str:
    if service.config is None or service.master_title is None:
        return ""
    if not told and service.read_command_line is None:
        return why_not_by_sockets(service, facts.process, host)
    path = configuration_in_force(service, facts, host)
    host.explain(f"pid {facts.process}: configuration {path}, ours is {service.config}")
    if path is None:
        return "its arguments cannot be read"
    if not reads_file(facts.process, path, service.config, host):
        return f"it reads the configuration {path}, not {service.config}"
    return ""


def configuration_in_force(service: Service, facts: ProcessFacts, host: Host) -> str | None:
    """Return the absolute path of the configuration that a master reads, by its title.

    None if that does not tell.
    """
    told = told_by(service, facts.title)
    if told is not None and service.read_command_line is not None:
        if not service.options and told == " ".join(service.command(service.start_args)):
            return service.config  # a start of ours: no module is needed that reads more
        read: ReadCommandLine = resolve(service.read_command_line)
        told = read(service, told)
    if not told or told.startswith("/"):
        return told or None
    directory = host.working_directory(facts.process.pid)
    return None if directory is None else f"{directory}/{told}"


def reads_file(process: Process, path: str, ours: str, host: Host) -> bool:
    """Tell whether *path* is to *process* the file that *ours* is to us."""
    there = host.namespace(process.pid, "mnt")
    if there in (None, host.namespace(host.getpid(), "mnt")):
        if path == ours or _same_path(path, ours):
            return True
        wanted = host.file_id(ours)
        return wanted is not None and host.file_id(path) == wanted
    for _ in range(2):  # it may be replaced between the two looks
        try:
            seen = host.file_seen_by(process, path)
        except NotPermitted:
            return _same_path(path, ours)
        if seen == host.file_id(ours):
            return seen is not None or _same_path(path, ours)
    return False


def _same_path(one: str, other: str) -> bool:
    from os.path import normpath

    return normpath(one) == normpath(other)


def why_not_by_sockets(service: Service, process: Process, host: Host) -> str:
    """Tell of a master whose title does not name its configuration by where it listens."""
    from .configuration import listens_at, read_configuration

    places, config = host.listening_places(process), read_configuration(service, host)
    if places and all(listens_at(config, place, host) for place in places):
        return ""
    return "its title is cut short, and it does not listen where the configuration says"
