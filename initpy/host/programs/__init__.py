"""Programs that are started, and what they are given: fork(2), execve(2)."""
