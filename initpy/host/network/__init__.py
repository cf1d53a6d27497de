"""Sockets, addresses, and who may use them: sock_diag(7), socket(7), unix(7)."""
