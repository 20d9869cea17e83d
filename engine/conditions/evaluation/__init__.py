"""What each operator means, value by value; it knows nothing of generated code."""
