"""The state of one organization: clock, dice, tokens, privileges."""
