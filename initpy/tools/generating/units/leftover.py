"""What of a unit an init script does not do, as sentences: what, and why."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .unit import Unit

# Keys that need no word: they say nothing of the daemon, or nothing that an init script lacks.
_SILENT = re.compile(
    r"Alias|Also|DefaultInstance|SourcePath|SuccessExitStatus|NotifyAccess|GuessMainPID|"
    r"RemainAfterExit|PIDFile|BusName|TimeoutAbortSec|X-.*|PartOf|RefuseManual\w+|CollectMode|"
    r"RequiresMountsFor|IgnoreSIGPIPE|RestartPreventExitStatus|RestartForceExitStatus|"
    r"StopWhenUnneeded|IgnoreOnIsolate|AllowIsolate|NonBlocking"
)
# What else is left out, in groups, each with the reason.
_GROUPS = {
    "hardening, which only systemd does": re.compile(
        r"Protect\w+|Private\w+|Restrict\w+(?<!ExitStatus)|NoNewPrivileges|SystemCall\w+|"
        r"MemoryDenyWriteExecute|LockPersonality|(ReadWrite|ReadOnly|Inaccessible|Exec|NoExec)\w+|"
        r"Bind\w*Paths|RemoveIPC|CapabilityBoundingSet|AmbientCapabilities|SecureBits|Device\w+|"
        r"ProcSubset|KeyringMode|Mount\w+|TemporaryFileSystem|AppArmorProfile|SELinuxContext|"
        r"SmackProcessLabel|IPAddress\w+|Socket(Bind)\w+|PAMName"
    ),
    "cgroups, which only systemd sets up": re.compile(
        r"Slice|Delegate\w*|(Allowed)?CPU(Quota|Weight|Shares|Accounting|s)\w*|AllowedMemory\w+|"
        r"(Startup)?(Memory|Tasks|IO|BlockIO)[A-Z]\w+(?<!DenyWriteExecute)|Managed\w+|OOMPolicy"
    ),
    "it is not started again when it ends: an init script does not watch it": re.compile(
        r"Restart\w*|StartLimit\w+|WatchdogSec|WatchdogSignal|OnFailure|OnSuccess|FailureAction|"
        r"SuccessAction|RuntimeMaxSec"
    ),
    "what it prints after its start goes to /dev/null: it has to write a log of its own": (
        re.compile(r"Standard(Output|Error)|Syslog\w+|LogLevelMax|LogRate\w+|LogNamespace|TTY\w+")
    ),
    "priorities other than Nice=": re.compile(
        r"OOMScoreAdjust|CPUScheduling\w+|IOScheduling\w+|CPUAffinity|NUMA\w+|TimerSlackNSec"
    ),
    "what an init script does not look at": re.compile(
        r"Condition\w+|Assert\w+|Conflicts|\w+PropagatedFrom|Propagates\w+|JoinsNamespaceOf|"
        r"Upholds|Limit(LOCKS|NICE)|PassEnvironment|UnsetEnvironment"
    ),
}


def add_leftover(unit: Unit) -> None:
    """Add to the notes of a unit what has not been asked for, a line for each reason."""
    if unit.last("SupplementaryGroups"):
        unit.notes.append(
            "left out: SupplementaryGroups: it has the groups of its user, so make that a member"
        )
    groups: dict[str, list[str]] = {}
    for section, key in unit.not_asked():
        if _SILENT.fullmatch(key) or section not in ("Unit", "Service", "Install"):
            continue
        found = (why for why, pattern in _GROUPS.items() if pattern.fullmatch(key))
        groups.setdefault(next(found, "keys that initpy does not know"), []).append(key)
    unit.notes.extend(f"left out: {', '.join(keys)}: {why}" for why, keys in groups.items())
