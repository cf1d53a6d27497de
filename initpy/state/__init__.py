"""Read the state of a service. Nothing here changes anything."""
