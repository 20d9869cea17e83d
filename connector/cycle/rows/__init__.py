"""One row's way through a cycle: read, recognised, decided, written, recorded.

It knows no pass.
"""
