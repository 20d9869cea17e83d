"""Rows written under their versions, one by one or in bulk, and what became of each.

Nothing is decided here.
"""
