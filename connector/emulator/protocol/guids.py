"""GUIDs as text."""

import re

GUID_PATTERN = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
EMPTY_GUID = "00000000-0000-0000-0000-000000000000"
_GUID = re.compile(GUID_PATTERN)


def is_guid(text: str) -> bool:
    """Whether text is a GUID in the form with hyphens and without braces."""
    return _GUID.fullmatch(text) is not None


def parse_guid(value: object) -> str | None:
    """A GUID in lower case without braces, None when the text is not one."""
    text = str(value).strip().strip("{}").lower()
    return text if is_guid(text) else None
