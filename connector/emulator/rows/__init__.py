"""Rows of the emulated organization: values, owners, states, what a write changes."""
