"""The running program: composition, start, scheduler, leases.

Verbs ask it, and it decides nothing about rows.
"""
