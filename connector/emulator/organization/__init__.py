"""The state of one organisation: clock, dice, tokens, privileges."""
