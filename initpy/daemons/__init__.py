"""Declarations of daemons. Facts only; one more daemon is one more such file."""
