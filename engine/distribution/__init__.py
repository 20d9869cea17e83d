"""Whose turn it is among sellers: round robin, load balancing, capacity.

It knows no row and no condition.
"""
