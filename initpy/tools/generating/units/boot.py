"""When a unit is started at boot, as the INIT INFO block of an init script says it (LSB 20.8)."""

from __future__ import annotations

from ....systemctl import DIRECTORY
from .syntax import is_false

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .unit import Unit

# The facilities of LSB 20.8 for units. "" is what has been reached before any script runs.
_FACILITIES = {
    "network.target": "$network",
    "network-online.target": "$network",
    "NetworkManager.service": "$network",
    "systemd-networkd.service": "$network",
    "networking.service": "$network",
    "local-fs.target": "$local_fs",
    "remote-fs.target": "$remote_fs",
    "nss-lookup.target": "$named",
    "time-sync.target": "$time",
    "rpcbind.target": "$portmap",
    "syslog.target": "$syslog",
    "syslog.socket": "$syslog",
    "rsyslog.service": "$syslog",
    **dict.fromkeys(("nss-user-lookup.target", "sysinit.target", "basic.target"), ""),
    **dict.fromkeys(("multi-user.target", "shutdown.target", "tmp.mount"), ""),
    **dict.fromkeys(("sockets.target", "paths.target", "timers.target", "network-pre.target"), ""),
}
# Where a service is started early: before those that start in the runlevels for users.
_EARLY = ("sysinit.target", "basic.target", "local-fs.target", "sysvinit.target")
_NEEDS = ("Requires", "Requisite", "BindsTo")


def header(unit: Unit) -> dict[str, str]:
    """Return the keywords of the INIT INFO block, without Provides.

    What has to be started before, and whose script is on this host, stands in Required-Start;
    what is only to be started earlier, if it is there, in Should-Start.
    """
    early = is_false(unit.last("DefaultDependencies", "Unit"))
    after, before = unit.words("After", "Unit"), unit.words("Before", "Unit")
    needed = {name for key in _NEEDS for name in unit.words(key, "Unit")}
    wanted = unit.words("Wants", "Unit")
    for name in sorted({*needed, *wanted} - {*after}):
        if name.endswith((".service", ".mount")):
            unit.notes.append(f"{name} is wanted, and not in After=: nothing starts it with this")
    is_syslog = "syslog.service" in unit.words("Alias", "Install")
    first = ["$local_fs"] if early else ["$remote_fs", *([] if is_syslog else ["$syslog"])]
    required = list(first)
    should: list[str] = []
    for name in after:
        script = _script(name, unit)
        if script == "$syslog" and is_syslog:
            continue
        there = unit.host.exists(f"{DIRECTORY}/{script}")
        must = script.startswith("$") or (name in needed and there)
        (required if must else should).append(script)
    runlevels, stops = _runlevels(unit)
    description = unit.last("Description", "Unit") or unit.name
    pages = " ".join(unit.words("Documentation", "Unit"))
    keywords = {
        "Required-Start": _joined(required),
        "Required-Stop": _joined(required),
        "Should-Start": _joined(should),
        "Should-Stop": _joined(should),
        "X-Start-Before": _joined(_script(name, unit, told=False) for name in before),
        "Default-Start": runlevels,
        "Default-Stop": stops,
        "Short-Description": description,
        "Description": f"{description}: {pages}" if pages else "",
    }
    always = ("Default-Start", "Default-Stop")
    return {key: value for key, value in keywords.items() if value or key in always}


def _runlevels(unit: Unit) -> tuple[str, str]:
    wanted = [
        name for key in ("WantedBy", "RequiredBy") for name in unit.words(key, "Install") if name
    ]
    if not wanted:
        unit.notes.append("nothing in [Install] starts it at boot: neither does its script")
        return "", "0 1 6"
    if all(name in _EARLY for name in wanted):
        return "S", "0 6"
    return "2 3 4 5", "0 1 6"


def _script(name: str, unit: Unit, *, told: bool = True) -> str:
    """Return the facility or the script that stands for another unit; "" if none does."""
    if name in _FACILITIES:
        return _FACILITIES[name]
    script, _, kind = name.rpartition(".")
    if kind == "service" and "@" not in script and not script.startswith("systemd-"):
        return script
    if told and kind != "socket" and not script.startswith("systemd-"):
        unit.notes.append(f"After={name} is left out: no script stands for it")
    return ""


def _joined(names: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(name for name in names if name and name[0] != "-"))
