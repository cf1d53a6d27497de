"""Changing the state of a service: each module makes one kind of change safely."""
