"""Translate a unit of systemd into the declaration of a service."""

from __future__ import annotations

from ....errors import InitError
from ....service import Service
from .boot import header
from .commands import Variables, commands
from .fields import capabilities, directories, limits, surroundings, user
from .files import read_unit
from .leftover import add_leftover
from .preparing import preparing
from .sockets import sockets
from .stopping import reloading, stopping, time_span
from .syntax import is_true

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ....host import Host
    from .commands import Command
    from .unit import Unit

_FOREGROUND = ("simple", "exec", "notify", "notify-reload", "dbus")
_REFUSED = {
    "oneshot": "Type=oneshot: it runs a task, and leaves no daemon",
    "idle": "Type=idle: it is for what writes to the console, after everything else",
}
_DAY = 86400.0  # seconds
# It exits with 0 once a name on the system's bus has an owner.
_OWNER = (
    *("/usr/bin/dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus"),
    *("/org/freedesktop/DBus", "org.freedesktop.DBus.GetNameOwner"),
)


def translate(
    named: str, host: Host, *, name: str | None = None, pidfile: str | None = None
) -> tuple[Service, list[str]]:
    """Return the service that a unit stands for; and sentences: what was left out, and why.

    named:   the path of a unit file, or the name of an installed unit.
    name:    of the service, if not that of the unit.
    pidfile: the file that it writes, if the unit does not tell. Absolute.

    Raises Untranslatable; InitError if the unit cannot be read.
    """
    unit = read_unit(named, host)
    command = _main_command(unit)
    if command.program.startswith("/etc/init.d/"):
        raise unit.refusal(f"it calls an init script: {command.program}")
    own = name or unit.name.replace("@", "-")
    owner = user(unit)
    fields: dict[str, object] = {"name": own, "daemon": command.program}
    fields.update(_kind(unit, own, pidfile))
    variables = Variables(unit, owner.partition(":")[0], str(fields["pidfile"]))
    fields["start_args"] = variables.filled(command)[1:]
    fields.update(_readiness(unit))
    fields.update(sockets(unit, named, command))
    fields.update(stopping(unit, variables))
    fields.update(reloading(unit, variables, command.program))
    fields.update(preparing(unit, variables, command.program, owner))
    fields.update(surroundings(unit))
    fields.update(_owned(unit, command, owner, fields))
    fields["limits"] = limits(unit)
    fields["environment"] = variables.settled
    fields["environment_files"] = variables.files
    fields["timeout"] = _timeout(unit)
    # What has the name of the service there is the daemon's, or of an init script before.
    fields["settings_name"] = f"{own}.initpy"
    fields["lsb"] = header(unit)
    add_leftover(unit)
    try:
        return Service(**fields), list(dict.fromkeys(unit.notes))
    except ValueError as exc:
        raise InitError(str(exc)) from None


def _main_command(unit: Unit) -> Command:
    kind = unit.last("Type")
    if kind in _REFUSED:
        raise unit.refusal(_REFUSED[kind])
    found = commands(unit, "ExecStart")
    if len(found) != 1:
        how = "several commands" if found else "no command"
        raise unit.refusal(f"{how} in ExecStart=")
    if is_true(unit.last("RemainAfterExit")):
        raise unit.refusal("RemainAfterExit=: it may be up without a process")
    command = found[0]
    if command.argv0 and command.argv0 != command.program.rpartition("/")[2]:
        unit.notes.append(f"@: it is called by its path, and not {command.argv0}")
    if command.may_fail:
        unit.notes.append("-: a start that fails is told")
    return command


def _kind(unit: Unit, name: str, pidfile: str | None) -> dict[str, object]:
    """Return the fields ``background`` and ``pidfile`` that Type= stands for."""
    kind = unit.last("Type")
    if kind == "forking":
        named = unit.last("PIDFile")
        if named and not named.startswith("/"):
            named = f"/run/{named}"
        if named.startswith("/var/run/"):
            named = named[len("/var") :]
        if not (named or pidfile):
            raise unit.refusal(
                "Type=forking without PIDFile=: nothing tells which process is its master; "
                "give the file that it writes by --pidfile"
            )
        return {"pidfile": pidfile or named}
    if kind and kind not in _FOREGROUND:
        raise unit.refusal(f"Type={kind} is not known")
    # One that it might write by itself could be another's, or of another form.
    return {"background": True, "pidfile": pidfile or f"/run/{name}.initpy.pid"}


def _readiness(unit: Unit) -> dict[str, object]:
    kind, bus = unit.last("Type"), unit.last("BusName")
    if kind.startswith("notify"):
        return {"ready": "notify"}
    if kind == "dbus" or (bus and not kind):
        if not bus:
            raise unit.refusal("Type=dbus without BusName=")
        unit.notes.append(f"Type=dbus: it is up once {_OWNER[0]} finds it on the system's bus")
        return {"ready": (*_OWNER, f"string:{bus}")}
    return {}


def _owned(
    unit: Unit, command: Command, owner: str, fields: dict[str, object]
) -> dict[str, object]:
    """Return whose it is and its directories; those that are not simply its user's by commands."""
    made = directories(unit)
    before: list[tuple[str, ...]] = []
    for place in fields.get("listens", ()):  # type: ignore[attr-defined]
        folder = place.rpartition("/")[0]
        if folder not in ("", "/run"):  # systemd makes it for its socket
            before.append(("/bin/mkdir", "-p", folder))
    for path, mode in list(made.items()):
        if path.startswith("/etc/"):  # root's, whoever the user is
            before.append(("/bin/mkdir", "-p", "-m", f"{made.pop(path):o}", path))
        elif owner and command.as_root:
            del made[path]
            before.append(("/usr/bin/install", "-d", "-m", f"{mode:o}", path))
            before.append(("/bin/chown", owner if ":" in owner else f"{owner}:", path))
    found: dict[str, object] = {"directories": made}
    if owner and not command.as_root:
        found["user"], found["capabilities"] = owner, capabilities(unit)
    if before:
        found["start_pre"] = (*before, *fields.get("start_pre", ()))  # type: ignore[misc]
    return found


def _timeout(unit: Unit) -> float:
    within = time_span(unit, "TimeoutStartSec")
    if within == float("inf"):
        unit.notes.append("TimeoutStartSec=: a start is given a day, and not any time")
    return min(within, _DAY)
