"""nginx, as Debian packages it. Signals: https://nginx.org/en/docs/control.html."""

from __future__ import annotations

from ...schedule import parse_schedule
from ...service import shipped

NGINX = shipped(
    name="nginx",
    daemon="/usr/sbin/nginx",
    pidfile="/run/nginx.pid",
    config="/etc/nginx/nginx.conf",
    config_flags=("-c",),
    default_config="/etc/nginx/nginx.conf",
    prefix="/usr/share/nginx",
    prefix_flag="-p",
    read_configuration="initpy.daemons.nginx.configuration:read",
    take_config="initpy.daemons.nginx.arguments:take_config",
    read_command_line="initpy.daemons.nginx.arguments:configuration",
    read_log="initpy.daemons.nginx.log:read",
    detect="initpy.daemons.nginx.build:detect",
    detect_args=("-V",),
    detects=("config", "default_config", "prefix", "pidfile"),
    start_args=("-c", "{config}"),
    test_args=("-t", "-q", "-c", "{config}"),
    settings={"NGINX": "daemon"},
    master_title="nginx: master process {argv}",
    worker_titles=("nginx: worker process", "nginx: cache "),
    draining_title="nginx: worker process is shutting down",
    channel=True,  # ngx_write_channel
    stop=parse_schedule("QUIT/30/TERM/5/KILL/5"),
    reload="HUP",
    reload_by="initpy.protocols.hup:reload",
    reopen="USR1",
    restart_by="initpy.protocols.restart:restart",
    upgrade="initpy.protocols.oldbin:upgrade",
    finish_upgrade="initpy.protocols.unfinished:finish_restart",
    inherit="initpy.daemons.nginx.sockets:environment",
    inherit_in_foreground=True,
    lsb={
        "Required-Start": "$local_fs $remote_fs $network $syslog $named",
        "Required-Stop": "$local_fs $remote_fs $network $syslog $named",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "nginx web server",
        "Description": "HTTP server, reverse proxy and TCP/UDP proxy",
    },
)
