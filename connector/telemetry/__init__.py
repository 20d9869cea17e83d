"""Logs of the running program; it knows nothing of what is logged."""
