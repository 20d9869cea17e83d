"""Lengths of time as people write them ("3 working days"); instants are computed in `sequences`."""

import re
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

Unit = Literal["minute", "hour", "day", "week"]

_PATTERN = re.compile(r"(\d{1,4})\s+(working\s+)?(minute|hour|day|week)s?", re.IGNORECASE)
_UNITS: dict[str, Unit] = {"minute": "minute", "hour": "hour", "day": "day", "week": "week"}


@dataclass(frozen=True, slots=True)
class Duration:
    """`count` units; only days can be working days."""

    count: int
    unit: Unit
    working: bool = False

    @override
    def __str__(self) -> str:
        kind = "working " if self.working else ""
        plural = "" if self.count == 1 else "s"
        return f"{self.count} {kind}{self.unit}{plural}"


def parse_duration(text: str) -> Duration:
    """Read "3 working days", "2 days", "4 hours" or "1 week"; raises ValueError otherwise."""
    found = _PATTERN.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f'"{text}" is not a length of time; write "3 working days", "2 days" or "4 hours"'
        )
    unit = _UNITS[found.group(3).lower()]
    working = found.group(2) is not None
    if working and unit != "day":
        raise ValueError(f'"{text}" is not a length of time: only days can be working days')
    return Duration(int(found.group(1)), unit, working=working)
