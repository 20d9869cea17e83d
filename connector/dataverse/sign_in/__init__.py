"""Tokens for the environment by every supported way; it knows nothing of rows."""
