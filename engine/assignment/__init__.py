"""Decides one row: its segment, its rule, its seller.

It knows neither where rows come from nor who is told.
"""
