"""The passes over a table: page, backlog, take-backs, scheduled runs, reconciliation, recovery.

Only ports are seen.
"""
