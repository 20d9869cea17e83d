"""The imperative shell: everything that touches the network, the disk.

The clock or the terminal.
"""
