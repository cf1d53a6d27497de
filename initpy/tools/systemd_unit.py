"""Render the systemd unit, or the drop-in for a unit. Its commands are actions of the wrapper.

The unit runs the wrapper, not the daemon, for ``start`` and ``stop``, too: the wrapper
reads the settings, obeys STOP_SCHEDULE, verifies that the workers serve, and recovers the
workers of a crashed master. Hence

    Type=forking, PIDFile=   after an upgrade or a reload systemd reads the pid of the new
                             master there, when the old one ends (systemd.service(5))
    KillMode=process         if the master crashes systemd does not kill its workers: they
                             serve until the next start has recovered them
    Restart=on-abnormal      systemd starts the service after a crash; it does not repeat
                             a start that failed with an exit code
    TimeoutSec=              the same time as systemd's own generator gives an init script

A drop-in sets all this in a unit that comes with the daemon's package, whose other lines, a
sandbox for instance, stay in force. An empty value clears the commands of that unit.
"""

from __future__ import annotations

from ..service import Service

# The units for the facilities of LSB: systemd.special(7). "" needs no unit, because
# systemd reaches it before any service. Any other name is the name of a service.
_TARGETS = {
    "$named": "nss-lookup.target",
    "$local_fs": "",
    "$network": "network-online.target",
    "$portmap": "rpcbind.target",
    "$remote_fs": "remote-fs.target",
    "$syslog": "",
    "$time": "time-sync.target",
}

_TEMPLATE = """\
[Unit]
Description={description}
{order}
Wants=network-online.target

[Service]
Type=forking
PIDFile={pidfile}
ExecStart={wrapper} start
ExecReload={wrapper} reload
ExecStop={wrapper} stop
KillMode=process
Restart=on-abnormal
TimeoutSec=5min

[Install]
WantedBy=multi-user.target
"""

_DROP_IN = """\
# Written by initpy install, removed by initpy uninstall.
[Unit]
{order}
Wants=network-online.target

[Service]
Type=forking
PIDFile={pidfile}
ExecStartPre=
ExecStart=
ExecStart={wrapper} start
ExecReload=
ExecReload={wrapper} reload
ExecStop=
ExecStop={wrapper} stop
KillMode=process
Restart=on-abnormal
TimeoutSec=5min
"""


def render_unit(service: Service, wrapper: str) -> str:
    """Return the text of the unit of *service*. *wrapper* is the path of its wrapper."""
    return _render(_TEMPLATE, service, wrapper)


def render_drop_in(service: Service, wrapper: str) -> str:
    """Return the text of a drop-in with which another unit of *service* calls the wrapper."""
    return _render(_DROP_IN, service, wrapper)


def _render(template: str, service: Service, wrapper: str) -> str:
    order = {
        "After": _units(service, "Required-Start", "Should-Start"),
        "Before": _units(service, "X-Start-Before"),
    }
    text = template.format(
        description=_escaped(service.lsb["Short-Description"]),
        order="\n".join(f"{key}={units}" for key, units in order.items() if units),
        pidfile=_escaped(service.pidfile),
        wrapper=wrapper,
    )
    return text if service.reload else text.replace(f"ExecReload={wrapper} reload\n", "")


def _units(service: Service, *keywords: str) -> str:
    words = " ".join(service.lsb.get(keyword, "") for keyword in keywords).split()
    return " ".join(filter(None, (_TARGETS.get(word, f"{word}.service") for word in words)))


def _escaped(text: str) -> str:
    """Return *text* without specifiers: systemd.unit(5) reads "%%" as a percent sign."""
    return text.replace("%", "%%")
