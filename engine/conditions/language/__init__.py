"""Conditions as values: the model, its operators, reading and writing.

Nothing is evaluated here.
"""
