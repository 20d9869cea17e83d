"""Environment and files turned into frozen, typed values; the only reader of the process environment."""
