"""Commands of the leadrobin program; argument parsing and exit codes only."""
