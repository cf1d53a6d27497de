"""What will fail when a daemon is replaced: known before anything is signalled or stopped."""
