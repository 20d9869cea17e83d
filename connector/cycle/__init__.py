"""One pass over one table: settle, pull, decide, plan, write, record. Only ports are seen from here."""
