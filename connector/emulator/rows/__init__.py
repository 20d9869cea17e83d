"""Rows of the emulated organisation: values, owners, states, what a write changes."""
