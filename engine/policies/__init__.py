"""When something is tried again: retries, scheduled runs, take-backs; no clock is read here."""
