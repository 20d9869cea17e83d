"""The demonstration: the real connector over an embedded emulator, with somebody else at work."""
