"""The steps of an upgrade in which the old master itself executes the new binary."""
