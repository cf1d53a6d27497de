# Completion of initpy(8) for bash: into /usr/share/bash-completion/completions/initpy.
# bash-completion itself completes the actions of /etc/init.d/NAME and of
# service(8): it reads them in the usage line of the script.
# shellcheck disable=SC2207 # words, none of which holds a blank

_initpy() {
    local cur prev words cword
    _init_completion || return
    case $prev in
    --name | --version | --timeout | -d) return ;;
    --format) COMPREPLY=($(compgen -W 'sysv systemd' -- "$cur")) && return ;;
    --daemon | --config | --pidfile | --prefix | --from-unit | -o | -p | -b) _filedir && return ;;
    esac
    local offered=
    if ((cword == 1)); then
        offered='generate install uninstall status check killproc pidofproc --help --version'
    else
        case ${words[1]} in
        generate | install)
            # The daemons that it knows stand in braces in its own help.
            offered=$("${words[0]}" "${words[1]}" --help 2>/dev/null |
                sed -n 's/^  {\(.*\)}.*/\1/p' | tr , ' ')
            offered+=' --from-unit --name --version --daemon --config --pidfile --prefix'
            offered+=' --format --help'
            [[ ${words[1]} == generate ]] && offered+=' -o'
            [[ $cur == -* ]] || offered+=" $(compgen -f -X '!*.py' -- "$cur")"
            ;;
        uninstall)
            offered="--help $(grep -ls '^ *from initpy.cli import' /etc/init.d/* | xargs -r -n1 basename)"
            ;;
        check)
            [[ $cur == -* ]] || { _filedir && return; }
            offered='--daemon --config --pidfile --json --help'
            ;;
        status) offered='--json --explain --help' ;;
        killproc)
            [[ $cur == -* ]] && offered="-p -b -d --help $(kill -l | grep -o 'SIG[A-Z12]*')"
            offered=${offered//SIG/-}
            ;;
        pidofproc) [[ $cur == -* ]] && offered='-p --help' ;;
        esac
    fi
    if [[ $offered ]]; then
        COMPREPLY=($(compgen -W "$offered" -- "$cur"))
    else
        COMPREPLY=($(compgen -c -- "$cur"))
    fi
} && complete -F _initpy initpy

# ex: filetype=sh
