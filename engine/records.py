"""A row of Dataverse as the engine sees it; how a wire row becomes one is in `normalise`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from typing_extensions import override

Row = Mapping[str, object]
"""A row as the Web API returns it: columns, `_x_value` lookups, annotations, nested rows."""

GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EntityReference:
    """One row of one table; `name` is for people and takes no part in comparisons."""

    table: str
    id: str
    name: str | None = None

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EntityReference):
            return NotImplemented
        return (self.table, self.id) == (other.table, other.id)

    @override
    def __hash__(self) -> int:
        return hash((self.table, self.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A normalised row of a watched table (lead, opportunity, msdyn_salessuggestion …).

    `row` stays as the wire gave it, for the conditions; the other fields are what every decision
    needs. Times are aware and in UTC. `is_open` is statecode = 0; a row without statecode counts
    as open.
    """

    table: str
    id: str
    row: Row
    etag: str | None = None
    created_on: datetime | None = None
    modified_on: datetime | None = None
    owner: EntityReference | None = None
    creator_id: str | None = None
    segment_id: str | None = None
    is_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row that could not become a Record, with every reason."""

    table: str
    id: str | None
    reasons: tuple[str, ...]
