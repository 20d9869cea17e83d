"""What functions and actions are given when they are called; which there are is in `registry`."""

from collections.abc import Callable
from dataclasses import dataclass

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.organization.organization import Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.errors import bad_query, invalid_argument
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Request, Response, json_response
from connector.emulator.query.odata.path import Operation
from connector.emulator.rows.writes import Writer
from connector.emulator.storage.database import StoredRow
from connector.emulator.storage.sql_names import type_column


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

    def bound_row(self, table: str, shown: str = "") -> StoredRow:
        """The row of a table that a bound operation was called on."""
        if self.row is None:
            raise bad_query(f"'{self.operation.name}' must be called on a row.")
        if self.bound_table().logical_name != table:
            name = self.operation.name
            raise invalid_argument(f"{name} is called on {shown or f'a {table}'}.")
        return self.row

    def owner_of(self, row: StoredRow) -> str:
        """The owner of a row as a reference to bind."""
        table = self.organization.catalog.tables[str(row[type_column("ownerid")])]
        return f"/{table.entity_set}({row['ownerid']})"

    def answer(self, kind: str, members: dict[str, Json]) -> Response:
        """A complex value as the answer."""
        context = f"{self.request.base}/$metadata#Microsoft.Dynamics.CRM.{kind}"
        return json_response({"@odata.context": context, **members})


Handler = Callable[[Call], Response]
