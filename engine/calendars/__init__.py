"""When somebody works and when a business is closed; it knows nothing of rules."""
