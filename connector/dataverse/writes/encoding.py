"""Turns a write into the body and headers of a PATCH, and compares it with a row; sending is
elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.dataverse.definitions.reader import MetadataReader
from connector.dataverse.wire import odata
from connector.dataverse.wire.payloads import encode_json
from connector.dataverse.wire.transport import Request
from connector.dataverse.writes.batch import BatchPart
from connector.ports import RowWrite
from engine.records import EntityReference, Row

REPRESENTATION = "return=representation"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteMarks:
    """What writes carry: all of them the tag that plug-ins and webhooks see, those of `rules` the
    bypass headers too; without `rules` all carry these.

    https://learn.microsoft.com/power-apps/developer/data-platform/optional-parameters
    """

    tag: str | None = "leadrobin"
    headers: tuple[tuple[str, str], ...] = ()
    rules: frozenset[str] = frozenset()

    def headers_of(self, write: RowWrite) -> tuple[tuple[str, str], ...]:
        """The bypass headers of a write."""
        return self.headers if not self.rules or write.rule in self.rules else ()


def build_bypass_headers(
    *, bypass: Sequence[str] = (), step_ids: Sequence[str] = (), suppress_flows: bool = False
) -> tuple[tuple[str, str], ...]:
    """The headers that keep custom logic (`CustomSync`, `CustomAsync`), single steps or flows from
    running.
    """
    headers: list[tuple[str, str]] = []
    if bypass:
        headers.append(("MSCRM.BypassBusinessLogicExecution", ",".join(bypass)))
    if step_ids:
        headers.append(("MSCRM.BypassBusinessLogicExecutionStepIds", ",".join(step_ids)))
    if suppress_flows:
        headers.append(("MSCRM.SuppressCallbackRegistrationExpanderJob", "true"))
    return tuple(headers)


class WriteEncoder:
    """Writes in wire form, with navigation names and entity sets from the metadata."""

    def __init__(self, api: str, metadata: MetadataReader, marks: WriteMarks) -> None:
        self._api = api
        self._metadata = metadata
        self._marks = marks

    def build_request(self, write: RowWrite, *, any_version: bool = False) -> Request:
        """The conditional PATCH; without a row version, or with `any_version`, the row only has to
        exist.
        """
        return Request(
            method="PATCH",
            url=self._build_url(write),
            operation="patch",
            headers=self._build_headers(write, any_version=any_version),
            body=encode_json(self.build_body(write)),
        )

    def build_part(self, write: RowWrite) -> BatchPart:
        """The same PATCH as a part of a batch."""
        return BatchPart(
            method="PATCH",
            url=odata.path_of(self._build_url(write)),
            headers=self._build_headers(write, any_version=False),
            body=encode_json(self.build_body(write)),
        )

    def build_multiple(self, writes: Sequence[RowWrite]) -> Request:
        """All writes of one table as UpdateMultiple; they have to share their bypass headers."""
        entity_set = self._metadata.locate(writes[0].table).entity_set
        url = f"{self._api}{entity_set}/Microsoft.Dynamics.CRM.UpdateMultiple"
        return Request(
            method="POST",
            url=f"{url}?{self._tag}" if self._tag else url,
            operation="update_multiple",
            headers=dict(self._marks.headers_of(writes[0])),
            body=encode_json({"Targets": [self.build_target(write) for write in writes]}),
            operations=len(writes),
        )

    def share_headers(self, writes: Sequence[RowWrite]) -> bool:
        """Whether one request can carry them all."""
        return len({self._marks.headers_of(write) for write in writes}) == 1

    def build_target(self, write: RowWrite) -> dict[str, object]:
        """The write as one target of UpdateMultiple."""
        primary_id = self._metadata.locate(write.table).primary_id
        return {
            "@odata.type": f"Microsoft.Dynamics.CRM.{write.table}",
            primary_id: write.id,
            **self.build_body(write),
        }

    def build_body(self, write: RowWrite) -> dict[str, object]:
        """Columns as they are, lookups as binds; a cleared lookup is a null under its navigation
        name.
        """
        body: dict[str, object] = dict(write.columns)
        for column, reference in write.binds.items():
            name, value = self._build_bind(write.table, column, reference)
            body[name] = value
        return body

    def _build_bind(
        self, table: str, column: str, reference: EntityReference | None
    ) -> tuple[str, str | None]:
        if reference is None:
            return self._metadata.find_clearing_navigation(table, column), None
        navigation = self._metadata.find_navigation(table, column, reference.table)
        entity_set = self._metadata.locate(reference.table).entity_set
        return f"{navigation}@odata.bind", f"/{entity_set}({reference.id})"

    def _build_url(self, write: RowWrite) -> str:
        address = self._metadata.locate(write.table)
        url = odata.build_row_url(
            self._api, address.entity_set, write.id, select=(address.primary_id,)
        )
        return f"{url}&{self._tag}" if self._tag else url

    @property
    def _tag(self) -> str:
        return f"tag={odata.quote_value(self._marks.tag)}" if self._marks.tag else ""

    def _build_headers(self, write: RowWrite, *, any_version: bool) -> Mapping[str, str]:
        version = "*" if any_version or write.etag is None else write.etag
        return {
            "If-Match": version,
            "Prefer": REPRESENTATION,
            **dict(self._marks.headers_of(write)),
        }


def list_wire_columns(write: RowWrite) -> tuple[str, ...]:
    """The columns to read back to see whether a write is in force."""
    return (*write.columns, *(f"_{column}_value" for column in write.binds))


def is_in_force(write: RowWrite, row: Row) -> bool:
    """Whether a row already is what the write wants."""
    plain = all(_same(row.get(column), value) for column, value in write.columns.items())
    return plain and all(
        _same_id(row.get(f"_{column}_value"), reference)
        for column, reference in write.binds.items()
    )


def _same(found: object, wanted: object) -> bool:
    return (None if found == "" else found) == (None if wanted == "" else wanted)


def _same_id(found: object, wanted: EntityReference | None) -> bool:
    if wanted is None:
        return found is None
    return found is not None and str(found).lower() == wanted.id.lower()
