"""The condition language of the rules file: read, printed, evaluated, compiled.

It knows no rule set.
"""
