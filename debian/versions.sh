# What we have written to /etc last, to tell whether it was changed since.
written=/var/lib/initpy-php-fpm

# Print the versions that have a wrapper.
versions() {
    for file in "$written"/etc/initpy/php*-fpm; do
        version=${file##*/php}
        case ${version%-fpm} in
            '' | *[!0-9.]*) ;;
            *) echo "${version%-fpm}" ;;
        esac
    done
}

# /etc/init.d/php-fpm is another name of the only version on this host, and so is
# php-fpm.service of its unit: else systemd would make a second unit of the script.
put_alias() {
    only=
    for version in $(versions); do
        if [ -e "/usr/sbin/php-fpm$version" ]; then
            only="$only php$version-fpm"
        fi
    done
    case $only in
        ' '*' '* | '') remove_alias ;;
        *)
            link "${only# }" /etc/init.d/php-fpm
            link "/lib/systemd/system/${only# }.service" /etc/systemd/system/php-fpm.service
            ;;
    esac
}

# Make a link, unless something of the administrator's stands there.
link() {
    if [ -d "${2%/*}" ] && { [ ! -e "$2" ] || is_alias "$2"; }; then
        ln -sfn "$1" "$2"
    fi
}

is_alias() {
    case $(readlink "$1") in
        php[0-9]*-fpm | /lib/systemd/system/php[0-9]*-fpm.service) ;;
        *) return 1 ;;
    esac
}

remove_alias() {
    for alias in /etc/init.d/php-fpm /etc/systemd/system/php-fpm.service; do
        if is_alias "$alias"; then
            rm "$alias"
        fi
    done
}
