"""Rows and changes read from the Web API; nothing is written here."""
