"""The table that a hint's message names; nothing else of a hint is used."""

import json
from typing import cast


def read_table(body: bytes) -> str | None:
    """The table a webhook's execution context speaks of; None when it is none."""
    try:
        context = json.loads(body)
    except ValueError:
        return None
    if not isinstance(context, dict):
        return None
    name = cast("dict[str, object]", context).get("PrimaryEntityName")
    return name if isinstance(name, str) and name else None
