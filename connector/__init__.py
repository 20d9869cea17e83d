"""The imperative shell.

Everything that touches the network, the disk, the clock or the terminal.
"""
