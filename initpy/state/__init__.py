"""Looking: what is there now. Nothing here changes anything."""
