# Print what zsh would offer after $2, if the functions in directory $1 stand first.
zmodload zsh/zpty
zpty shell 'zsh -f -i'
zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -U compinit; compinit -u -d /run/zcompdump; stty -echo"
zpty -w shell 'compadd() {
    [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return }
    local -a hits
    builtin compadd -A hits "$@"
    print -rl -- "<"${^hits}">"
    (( $#hits ))
}'
zpty -w shell 'ended() { print END-OF-IT; comppostfuncs=(ended) }; comppostfuncs=(ended); bindkey "^I" complete-word; print "REA""DY"'
zpty -r shell out '*READY*'
zpty -n -w shell "$2"$'\t'
zpty -r shell out '*END-OF-IT*'
print -r -- $out
