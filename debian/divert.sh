# Put the wrapper in place of the daemon's own script, and that script back.
#
# The wrapper is in /etc/initpy, and a link to it stands in /etc/init.d: so the
# script of the daemon, itself a conffile, is back when we are removed, and not
# only when we are purged.
#
# Any step may be the last that is done: the next call goes on from there. At no
# moment is there no script.
names() {
    name=$1
    script=/etc/init.d/$1
    wrapper=../initpy/$1
    own=/etc/initpy/$1.distrib
}

is_ours() {
    [ "$(readlink "$script")" = "$wrapper" ]
}

# Put the wrapper NAME in place of the daemon's own script.
put_in_place() {
    names "$1"
    case $(dpkg-divert --listpackage "$script") in
        '' | "$package") ;;
        *)
            # As "initpy install" has done: that is undone by "initpy uninstall".
            echo "$package: $script is diverted already, and is left as it is" >&2
            return
            ;;
    esac
    dpkg-divert --quiet --package "$package" --divert "$own" --no-rename --add "$script"
    if [ -e "$script" ] && ! is_ours; then
        if [ ! -e "$own" ]; then
            cp -a "$script" "$own.new"
            mv "$own.new" "$own"
        elif ! cmp -s "$script" "$own"; then
            echo "$package: $script has been changed here, and is left as it is" >&2
            return
        fi
    fi
    # Hidden names are nobody's service; a rename is one step.
    ln -sf "$wrapper" "/etc/init.d/.$name.new"
    mv -T "/etc/init.d/.$name.new" "$script"
}

# Put the daemon's own script NAME back, step by step as it has been put aside.
put_back() {
    names "$1"
    if [ "$(dpkg-divert --listpackage "$script")" != "$package" ]; then
        return
    fi
    if ! is_ours && [ -e "$script" ] && [ -e "$own" ]; then
        # The link was replaced by a changed script, by sed -i for example: it is
        # kept as any changed conffile is.
        mv -T "$script" "/etc/initpy/$name"
    fi
    if [ -e "$own" ]; then
        mv -T "$own" "$script"
    elif is_ours; then
        rm "$script"
    fi
    rm -f "$own.new" "/etc/init.d/.$name.new"
    dpkg-divert --quiet --package "$package" --divert "$own" --no-rename --remove "$script"
}
