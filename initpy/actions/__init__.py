"""What a user types, an action in each module."""
