"""What functions and actions are given when they are called; which there are is in `registry`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.organization.organization import Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.errors import bad_query
from connector.emulator.protocol.messages import Request, Response, json_response
from connector.emulator.query.odata.path import Operation
from connector.emulator.rows.writes import Writer
from connector.emulator.storage.database import StoredRow


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function or action; `row` is the row a bound one was called on."""

    organization: Organization
    privileges: Privileges
    request: Request
    operation: Operation
    table: TableDefinition | None
    row: StoredRow | None

    @property
    def writer(self) -> Writer:
        """Writes as the caller."""
        return Writer(self.organization, self.privileges, self.request.caller)

    def bound_table(self) -> TableDefinition:
        """The table a bound operation was called on."""
        if self.table is None:
            raise bad_query(f"'{self.operation.name}' must be called on an entity set.")
        return self.table

    def bound_row(self) -> StoredRow:
        """The row a bound operation was called on."""
        if self.row is None:
            raise bad_query(f"'{self.operation.name}' must be called on a row.")
        return self.row

    def answer(self, kind: str, members: dict[str, Any]) -> Response:
        """A complex value as the answer."""
        context = f"{self.request.base}/$metadata#Microsoft.Dynamics.CRM.{kind}"
        return json_response({"@odata.context": context, **members})


Handler = Callable[[Call], Response]
