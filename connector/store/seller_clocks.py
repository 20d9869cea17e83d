"""The clocks of sellers: when each was last given a row."""

CLOCK_LOCK = 7_305_115
"""The key of the advisory lock that decisions are taken under; any number no one else uses."""
