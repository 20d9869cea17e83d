"""A decision as a value, in words and as plain data; it knows nothing of how one is made."""
