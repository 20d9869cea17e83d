"""One pass over one table: settle, pull, decide, plan, write, record; only ports are seen."""
