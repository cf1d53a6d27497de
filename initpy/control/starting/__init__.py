"""A start of the daemon: what it has made, when that serves, and how it is undone."""
