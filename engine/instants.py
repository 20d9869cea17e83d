"""Instants as text: RFC 3339 in UTC, as the Web API writes them; `fromisoformat` reads them."""

from datetime import UTC, datetime


def print_instant(moment: datetime) -> str:
    """`2026-11-23T09:00:00Z`; a fraction of a second stays when there is one."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
