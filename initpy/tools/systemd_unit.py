"""The printed systemd unit: its verbs are those of the wrapper.

``start`` and ``stop`` are initpy's too, not the daemon's: that is where the
settings are read and STOP_SCHEDULE is kept, where the workers are seen to
serve, and where the workers of a crashed master are taken over. Hence

    Type=forking, PIDFile=   a new master, by upgrade or reload, is followed to
                             by the pidfile when the old one ends (systemd.service(5))
    KillMode=process         the workers of a crashed master live, and serve,
    Restart=on-abnormal      until the start that follows has taken them over;
                             a start that fails with a reason is not tried again
    TimeoutSec=              a stop may take as long as systemd's own generator
                             gives an init script
"""

from __future__ import annotations

from ..service import Service

# What the facilities of LSB are to systemd: systemd.special(7). It has the
# others up before any service; a name that is no facility is another service's.
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


def render_unit(service: Service, wrapper: str) -> str:
    """Return the text of the native unit of *service*, whose wrapper stands at *wrapper*."""
    order = {
        "After": _units(service, "Required-Start", "Should-Start"),
        "Before": _units(service, "X-Start-Before"),
    }
    return _TEMPLATE.format(
        description=_escaped(service.lsb["Short-Description"]),
        order="\n".join(f"{key}={units}" for key, units in order.items() if units),
        pidfile=_escaped(service.pidfile),
        wrapper=wrapper,
    )


def _units(service: Service, *keywords: str) -> str:
    words = " ".join(service.lsb.get(keyword, "") for keyword in keywords).split()
    return " ".join(filter(None, (_TARGETS.get(word, f"{word}.service") for word in words)))


def _escaped(text: str) -> str:
    """Return *text* with nothing in it that is a specifier to systemd.unit(5)."""
    return text.replace("%", "%%")
