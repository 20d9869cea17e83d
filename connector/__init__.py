"""The imperative shell: everything that touches the network, the disk, the clock or the terminal."""
