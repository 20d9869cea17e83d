"""Conditions turned into Python functions and tables; what they mean is said in `evaluation`."""
