"""What commands say to people, on stderr; data goes to stdout through `output`."""

import sys


def talk(message: str) -> None:
    """Say something on stderr."""
    sys.stderr.write(message + "\n")
