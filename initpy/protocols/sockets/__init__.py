"""The sockets of a master that is replaced: copied, foreseen, compared with what is wanted."""
