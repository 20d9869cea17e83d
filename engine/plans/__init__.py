"""The changes that decisions ask for, as a value to sort, hash and refuse; it writes nothing."""
