"""How a daemon is replaced or reloaded while it serves, a protocol in each module."""
