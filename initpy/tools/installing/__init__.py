"""A wrapper takes the place of other scripts for its daemon, and gives it back."""
