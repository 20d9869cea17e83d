"""The model of tables and columns, and the tables as Microsoft ships them; it knows no row."""
