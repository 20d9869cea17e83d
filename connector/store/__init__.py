"""State on SQL through SQLAlchemy Core; the only reader and writer of the tables."""
