"""Everything that `rules check` says of a rule set; no decision asks it."""
