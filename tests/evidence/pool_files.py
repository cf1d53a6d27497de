"""Configurations of php-fpm as public images, panels and distributions write them.

Each is in our own words: it keeps what is particular in how they are written, and its names,
numbers and paths are ours. {at} is a folder for sockets, {place} that of the test, {relative}
the daemon's as seen from its prefix; {pidfile} and {log} are the daemon's; {port}, {port2} and
{port3} are free ports. What stands first is pool.d/www.conf, beside a configuration that includes
pool.d/*.conf; a line "## FILE" begins another file.
"""

from __future__ import annotations

USER = "user = www-data\n"
ONE = "pm = static\npm.max_children = 1\n"
DYNAMIC = (
    "pm = dynamic\npm.max_children = 3\npm.start_servers = 2\n"
    "pm.min_spare_servers = 1\npm.max_spare_servers = 2\n"
)

# php's own image, and those that are made from it: sections go on from file to file.
DOCKER = (
    "; the image's own\n"
    "## pool.d/docker.conf\n[global]\nerror_log = /proc/self/fd/2\n\n; cut\nlog_limit = 8192\n\n"
    "[www]\n; not to fd/1: it is closed\naccess.log = /proc/self/fd/2\n\nclear_env = no\n\n"
    "catch_workers_output = yes\ndecorate_workers_output = no\nlisten = {port2}\n"
    f"## pool.d/www.conf\n[www]\n{USER}group = www-data\nlisten = 127.0.0.1:{{port2}}\n{DYNAMIC}"
    "## pool.d/zz-docker.conf\n[global]\ndaemonize = no\n\n[www]\nlisten = {port}\n"
)

POOL_FILES = {
    "php image": DOCKER,
    "php image with zz files": (
        f"{DOCKER}## pool.d/env.conf\nenv[APP_KEY]='base64:a;b='\nenv[URL] = \"https://a/?b=c\"\n"
        f"## pool.d/zzz-custom.conf\n[www]\nlisten = [::]:{{port3}}\n{ONE}pm.max_requests = 500\n"
    ),
    "wodby": (  # an include within a pool's section, relative to the prefix
        f"[www]\n{USER}listen = {{at}}/www.sock\n"
        "## pool.d/zz-www.conf\n[global]\nlog_level = warning\n\n[www]\n"
        f"{DYNAMIC}php_value[display_errors] = On\ninclude = {{relative}}/env\n"
        "## env\nenv[PHP_SITE] = wodby\npm.max_requests = 500\n"
    ),
    "bitnami": (  # the pool's manager is in a file of its own
        "## daemon.conf\n[global]\npid={pidfile}\nerror_log={log}\n"
        "include={place}/php-fpm/common.conf\ninclude={place}/php-fpm/php-fpm.d/*.conf\n"
        "## common.conf\nprocess_control_timeout=5s\n"
        "## php-fpm.d/www.conf\n[www]\nlisten={at}/www.sock\n"
        f"include={{place}}/php-fpm/pm.inc\n{USER}listen.owner=daemon\nlisten.group=daemon\n"
        f"listen.mode=0660\n## pm.inc\n{DYNAMIC}"
    ),
    "alpine": (
        f"[www]\nuser = nobody\ngroup = nogroup\nlisten = 0.0.0.0:{{port}}\n{DYNAMIC}"
        "catch_workers_output = yes\n"
        "## pool.d/zz.conf\n[global]\nerror_log = /dev/stderr\ndaemonize = no\n"
    ),
    "magento": (  # a user by its number; what is after a value
        "[www]\nuser = 33\ngroup = www-data\nlisten = [::]:{port}\npm = ondemand\n"
        "pm.max_children = 3\npm.start_servers = 2\npm.min_spare_servers = 1\n"
        "pm.max_spare_servers = 2\nenv[MAGE_MODE] = developer; # Variable: MAGE_MODE\n"
        "request_terminate_timeout = 1200\nclear_env = no\n"
    ),
    "azure": (
        f"[www]\n{USER}listen = 127.0.0.1:{{port}}\npm = ondemand\npm.max_children = 5\n"
        "pm.process_idle_timeout = 10s;\npm.max_requests = 500\npm.status_path = /status\n"
        "## pool.d/zz.conf\n[global]\n; pid = /nowhere\ndaemonize  = no\nlog_limit = 8192\n"
    ),
    "s6": (  # a supervisor's image, with what few set
        f"[www]\n{USER}listen = {{at}}/php-fpm.sock\nlisten.owner = www-data\n{ONE}"
        "process.priority = 5\nprocess.dumpable = yes\nrlimit_files = 4096\n"
        "rlimit_core = unlimited\n"
        "## pool.d/aa.conf\n[global]\nlog_level = warning\nprocess.max = 8\n"
        "process.priority = 2\nevents.mechanism = poll\nsystemd_interval = 0\n"
        "rlimit_files = 8192\nemergency_restart_threshold = 10\n"
        "emergency_restart_interval = 1m\nprocess_control_timeout = 10s\n"
    ),
    "nixos": (
        "## daemon.conf\n[global]\ndaemonize=no\nerror_log=syslog\npid={pidfile}\n[lychee]\n"
        f"catch_workers_output=true\nlisten={{at}}/lychee.sock\nlisten.owner=daemon\n{DYNAMIC}"
        "php_admin_flag[log_errors]=true\nphp_admin_value[error_log]=stderr\n"
        'user="www-data"\nenv[PATH]="/run/wrappers/bin:/bin"\n'
    ),
    "fedora": (
        "[www]\nuser   = www-data\ngroup  = www-data\nlisten = {at}/www.sock\n"
        "listen.acl_users       = daemon,www-data\nlisten.acl_groups =\n"
        f"listen.allowed_clients = 127.0.0.1\n \n{DYNAMIC}"
        "slowlog = {place}/www-slow.log\nphp_value[session.save_handler] = files\n"
    ),
    "freebsd": (  # an on-demand pool's timeout in a static one
        f"[site.example.org]\nlisten = 127.0.0.1:{{port}}\n{USER}listen.backlog = -1\n"
        "listen.allowed_clients = 127.0.0.1\naccess.log = {place}/phpfpm.access.log\n"
        "slowlog = {place}/phpfpm.slow.log\nrequest_slowlog_timeout = 15s\npm = static\n"
        "pm.max_children = 2\npm.start_servers = 1\npm.process_idle_timeout = 1000s;\n"
        "rlimit_files = 51200\nenv[OSTYPE] = $OSTYPE\nenv[tmp] = /tmp\n"
    ),
    "plesk": (  # a relative socket below a prefix
        "[example.org]\nprefix = {place}/vhosts/$pool\n"
        f"{USER}group = www-data\nlisten = php-fpm.sock\nlisten.mode = 0660\n"
        "pm = ondemand\npm.max_children = 5\nchdir = /\n"
        f"[sub.example.org]\nprefix = {{place}}/vhosts/$pool\n{USER}listen = php-fpm.sock\n{ONE}"
    ),
    "cpanel": (
        '[example_org]\ncatch_workers_output = yes\nchdir = "/"\ngroup = "www-data"\n'
        'listen = "{at}/0123456789abcdef.sock"\nlisten.group = "daemon"\nlisten.mode = 0660\n'
        'listen.owner = "root"\nphp_admin_value[disable_functions] = "exec,passthru,system"\n'
        'php_admin_value[doc_root] = "/srv/www"\npm = ondemand\npm.max_children = 5\n'
        "pm.max_requests = 20\npm.process_idle_timeout = 10\n"
        'security.limit_extensions = ".phtml .php .php3"\nuser = "www-data"\n'
        "## pool.d/ownership.conf\n; it was taken over\n"
    ),
    "directadmin": (  # a glob over folders, and a pool of a name in each
        "## daemon.conf\n[global]\npid = {pidfile}\nerror_log = {log}\n"
        "include={place}/php-fpm/users/*/php/php-fpm82.conf\n"
        f"## users/admin/php/php-fpm82.conf\n[admin]\n{USER}listen = {{at}}/$pool.sock\n"
        "pm = ondemand\npm.max_children = 10\npm.process_idle_timeout = 60\n"
        f"## users/bob/php/php-fpm82.conf\n[bob]\n{USER}listen = {{at}}/$pool.sock\n{ONE}"
        "## users/bob/php/php-fpm81.conf\n[bob]\nlisten = /nowhere/bob.sock\n"
    ),
    "hestia": (  # a pool for each domain, and one that only keeps the service running
        f"; origin-src: default.tpl\n\n[www.example.org]\nlisten = {{at}}/$pool.sock\n{USER}"
        "listen.owner = www-data\nlisten.group = daemon\npm = ondemand\npm.max_children = 8\n"
        'php_admin_value[sendmail_path] = \\"/usr/sbin/sendmail -t -i -f info@example.org\\"\n'
        "php_admin_value[open_basedir] = /home/u/web:/home/u/tmp:/bin:/usr/bin:/tmp\n"
        "env[HOSTNAME] = $HOSTNAME\nenv[PATH] = /usr/local/bin:/usr/bin:/bin\n"
        f"## pool.d/dummy.conf\n[dummy]\n{USER}listen = 127.0.0.1:{{port}}\n{ONE}"
    ),
    "ispconfig": (
        f"[web1]\n\nlisten = {{at}}/web1.sock\nlisten.owner = www-data\nlisten.mode = 0660\n\n"
        f"{USER}group = www-data\n\n{DYNAMIC}pm.max_requests = 0\n\nchroot = {{place}}\n\n"
        "env[TMP] = /tmp\nphp_admin_value[session.save_path] = /tmp\n"
        "php_admin_flag[log_errors] = 1\nsecurity.limit_extensions = .php .php5\n"
        f"## pool.d/apps.conf\n[apps]\n{USER}listen = localhost:{{port}}\n{ONE}"
    ),
    "aapanel": (  # all in one file
        "## daemon.conf\n[global]\npid = {pidfile}\nerror_log = {log}\nlog_level = notice\n\n"
        "[www]\nlisten = {at}/php-cgi-82.sock\nlisten.backlog = -1\n"
        f"listen.allowed_clients = 127.0.0.1\nlisten.owner = www-data\nlisten.mode = 0666\n{USER}"
        f"pm.status_path = /phpfpm_82_status\n{DYNAMIC}request_terminate_timeout = 100\n"
        "slowlog = {relative}/slow.log\n"
    ),
    "kloxo": (
        f"[default]\n;listen = 127.0.0.1:50000\nlisten = {{at}}/apache.sock\n"
        f"listen.backlog = 65536\n{USER}\ngroup = www-data\n\n;pm = dynamic\npm = ondemand\n"
        "pm.max_children = 6\n;pm.start_servers = 4\n\nrequest_slowlog_timeout = 30s\n"
        "slowlog = {place}/slow.log\nrlimit_files = 1024\nrlimit_core = 0\n;chroot = \n"
        "catch_workers_output = yes\nsecurity.limit_extensions = .php .php3 .php4 .php5\n"
    ),
    "virtualmin": (  # a pool whose name is a number
        f"[1673847190123456]\n{USER}group = www-data\nlisten.owner = www-data\n"
        f"listen = localhost:{{port}}\n{DYNAMIC}php_value[upload_tmp_dir] = /tmp\n"
    ),
    "cloudpanel": (
        f"[siteuser]\nlisten = 127.0.0.1:{{port}}\n{USER}listen.allowed_clients = 127.0.0.1\n"
        "pm = ondemand\npm.max_children = 250\npm.process_idle_timeout = 10s\n"
        f"## pool.d/default.conf\n[default]\nlisten = 127.0.0.1:{{port2}}\n{USER}{ONE}"
    ),
    "froxlor": (  # a comment before every pool, another name of the socket
        f";PHP-FPM configuration for example.org\n\n[example.org]\nlisten = {{at}}/1-u.fpm.socket\n"
        f"listen.owner = www-data\nlisten.group = www-data\nlisten.mode = 0660\n{USER}"
        f"group = www-data\n{DYNAMIC};chroot = /var/www\nenv[TMP] = /tmp\n"
    ),
    "yunohost": (
        f"[nextcloud]\n{USER}group = www-data\nchdir = /\nlisten = {{at}}/php-fpm-nextcloud.sock\n"
        "listen.owner = www-data\npm = ondemand\npm.max_children = 4\n"
        "pm.process_idle_timeout = 10s\nrequest_terminate_timeout = 1d\n"
        "php_admin_value[memory_limit] = 128M\n"
    ),
    "lemp script": (  # [global] after the pool, in the pool's file
        f"\n[user]\n\n\n{USER}group = www-data\nlisten = {{at}}/user-php-fpm.sock\n{DYNAMIC}"
        "pm.process_idle_timeout = 5s\n\n\n[global]\nemergency_restart_threshold = 10\n"
        "process_control_timeout = 10s\nerror_log = {log}\n"
    ),
    "multi-tenant": (  # no blanks, and comments like ;#
        ";#\n;#   Auto generated\n;#\n\n;# unique fpm group\n[tenant-1]\n\n"
        f"listen={{at}}/fpm.tenant-1.sock\nlisten.allowed_clients=127.0.0.1\n\n{USER}\n"
        "listen.mode  = 0666\npm=dynamic\npm.max_children         = 3\n"
        "pm.start_servers        = 2\npm.min_spare_servers    = 2\n"
        "pm.max_spare_servers    = 3\npm.max_requests         = 8\n"
    ),
    "lemper": (  # $pool in the midst of a name, several times
        f"[lemper]\n{USER}listen = {{at}}/php8.2-fpm.$pool.sock\nlisten.mode = 0666\n{DYNAMIC}"
        "ping.path = /ping-$pool\nslowlog = {place}/fpm_slow.$pool.log\n"
        "access.log = {place}/$pool-$pool.access\nchdir = /\n"
        'access.format = "%R - %u %t \\"%m %r%Q%q\\" %s %f %{{mili}}d %{{kilo}}M %C%%"\n'
    ),
    "ansible": (  # every value in quotation marks, and a chroot
        '; managed\n\n[www]\nuser = "www-data"\ngroup = "www-data"\nchroot = "{place}"\n'
        'listen = "{at}/$pool.sock"\n'
        'access.log = "{place}/fpm.access.log"\npm = "static"\npm.max_children = "2"\n'
    ),
    "pantheon": (
        f"; Stuff\n\n[global]\ndaemonize = no\n\n[www]\nlisten = {{at}}/php5-fpm.sock\n{USER}"
        f"{ONE}chdir = /\nenv['DOCROOT'] = $DOCROOT\nenv['SALT'] = $SALT\n"
    ),
    "placeholder": (  # a pool that is never asked, so that there is one
        "[_placeholder]\nuser = nobody\ngroup = nogroup\nlisten = {at}/_placeholder.sock\n"
        "listen.mode = 0666\npm = ondemand\npm.max_children = 1\npm.process_idle_timeout = 60s\n"
    ),
    "monitored": (  # the page of a pool's status at a port of its own
        f"[www]\n{USER}listen = {{at}}/www.sock\n{DYNAMIC}pm.status_path = /fpm-status\n"
        f"pm.status_listen = 127.0.0.1:{{port}}\n[api]\n{USER}listen = *:{{port2}}\n"
        "pm = ondemand\npm.max_children = 2\npm.status_path = /s\npm.status_listen = {port3}\n"
    ),
    "capitals": (
        f"[WWW]\nUser = www-data\n{ONE}[Www]\nListen = {{at}}/$pool.sock\n"
        f"[GLOBAL]\n[ spaced ] ; and a comment\n{USER}listen = '{{at}}/'\"sp\"aced.sock\n{ONE}"
    ),
    "windows": (  # written by an editor of Windows
        f"[www]\n{USER}listen = {{at}}/www.sock ; the socket\n{ONE}".replace("\n", "\r\n")
    ),
}
