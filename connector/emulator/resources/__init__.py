"""A row, a row set, changes and query results as the Web API answers them."""
