"""How a value is spelled in messages and printed conditions."""

from engine.conditions.language.model import Scalar


def spell(value: Scalar) -> str:
    """A constant as the text a person would write."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
