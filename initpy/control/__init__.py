"""Changing: one safe change in each module."""
