"""The actions that a user types, one in each module."""
