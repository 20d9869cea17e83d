"""What is remembered, as values, and the port through which it is; it knows no SQL."""
