"""What commands show at a terminal: tables, plans, cycles, rule trees, progress.

Nothing is decided here.
"""
