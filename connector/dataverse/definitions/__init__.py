"""Table and column definitions as the environment has them; it knows no row."""
