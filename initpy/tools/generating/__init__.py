"""Make wrappers and units: of what initpy knows, and of what somebody else declares."""
