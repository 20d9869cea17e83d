"""The rule set as a value: its parts, its consistency, its texts.

Rows and people are unknown here.
"""
