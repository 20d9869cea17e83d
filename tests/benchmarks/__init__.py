"""Benchmarks: each figure a ratio beside its baseline; never part of the tests."""
