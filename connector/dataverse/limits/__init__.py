"""Service protection limits kept before the server says no; it knows no request but its cost."""
