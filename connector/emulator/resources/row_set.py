"""Sets and filtered collections over HTTP: pages, counts, expanded rows, tracked reads.

Compiling and running queries is in `query/`; this is their JSON.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.organization.organization import Organization
from connector.emulator.organization.privileges import GLOBAL, Privileges
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Request, Response, json_response, number_response
from connector.emulator.query.odata.execution import next_query, run_plan
from connector.emulator.query.odata.options import QueryOptions
from connector.emulator.query.odata.plan import (
    MAIN_ALIAS,
    Parent,
    SelectPlan,
    compile_count,
    plan_collection,
    row_restriction,
)
from connector.emulator.query.odata.selection import Expansion
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.query.sql.fragments import Sql, column_sql
from connector.emulator.query.sql.results import (
    Expanded,
    ExpandedRow,
    ExpandedRows,
    ResultPage,
    ResultRow,
)
from connector.emulator.resources.change_tracking import (
    TrackedRead,
    count_changes,
    is_tracked,
    raise_if_cannot_track,
    read_tracked,
)
from connector.emulator.resources.query_results import (
    TOTAL,
    TOTAL_EXCEEDED,
    QueryRead,
    is_query,
    read_query,
)
from connector.emulator.resources.selecting import context_url, selected_names
from connector.emulator.rows.shaping import RowShaper, WireRow

METADATA_VERSION = "Microsoft.Dynamics.CRM.globalmetadataversion"


@dataclass(frozen=True, slots=True)
class CollectionResource:
    """One GET of a set, or of a row's collection (`parent`)."""

    organization: Organization
    privileges: Privileges
    request: Request
    options: QueryOptions
    table: TableDefinition
    parent: Parent | None = None

    @property
    def path(self) -> str:
        """Where links lead: the set, or the row's navigation property."""
        if self.parent is None:
            return self.table.entity_set
        owner = self.organization.catalog.tables[self.parent.navigation.table]
        return f"{owner.entity_set}({self.parent.id})/{self.parent.navigation.name}"

    def read(self) -> Response:
        """A page of rows, or of changes when the request belongs to change tracking."""
        self.privileges.raise_if_denied(self.request.caller, "Read", self.table)
        if self.parent is None and is_tracked(self.options, self.request.preferences):
            raise_if_cannot_track(self.organization, self.privileges, self.table, self.request)
            return read_tracked(self._tracked())
        if is_query(self.options):
            return json_response(read_query(self._query_read()))
        return json_response(self._document(*self._page()))

    def references(self) -> Response:
        """The rows of a row's collection as `@odata.id` alone."""
        self.privileges.raise_if_denied(self.request.caller, "Read", self.table)
        _, page = self._page()
        root = f"{self.request.base}/{self.table.entity_set}"
        document: dict[str, Json] = {
            "@odata.context": f"{self.request.base}/$metadata#Collection($ref)",
            "value": [{"@odata.id": f"{root}({row.id})"} for row in page.rows],
        }
        if page.next_token is not None:
            document["@odata.nextLink"] = self._next_link(f"{self.path}/$ref", page.next_token)
        return json_response(document)

    def _page(self) -> tuple[SelectPlan, ResultPage]:
        plan = plan_collection(
            self.table,
            self.options,
            query_context(self.organization, self.request),
            page_size=self.request.preferences.max_page_size,
            parent=self.parent,
            restriction=self._row_security(),
        )
        return plan, run_plan(plan, self.organization.storage.connection)

    def _next_link(self, path: str, token: str) -> str:
        return f"{self.request.base}/{path}?{next_query(self.request.query, token)}"

    def count(self) -> Response:
        """`/$count`: a bare number, capped at 5,000; with a delta token the pending changes."""
        self.privileges.raise_if_denied(self.request.caller, "Read", self.table)
        if "$deltatoken" in self.options:
            raise_if_cannot_track(self.organization, self.privileges, self.table, self.request)
            return number_response(count_changes(self._tracked()))
        sql = compile_count(
            self.table,
            self.options,
            query_context(self.organization, self.request),
            parent=self.parent,
            restriction=self._row_security(),
        )
        found = self.organization.storage.query(sql.text, sql.parameters)
        return number_response(min(int(found[0][0]), 5000))

    def _query_read(self) -> QueryRead:
        storage = self.organization.storage
        return QueryRead(
            request=self.request,
            options=self.options,
            table=self.table,
            context=query_context(self.organization, self.request),
            connection=storage.connection,
            shaper=RowShaper(storage, self.request.preferences),
            restriction=self._row_security(),
            parent=self.parent,
        )

    def _shaper(self) -> RowShaper:
        return RowShaper(self.organization.storage, self.request.preferences)

    def _tracked(self) -> TrackedRead:
        return TrackedRead(self.organization, self.table, self.request, self.options)

    def _row_security(self) -> Sql | None:
        """Own rows only, for a privilege that does not cover the organization."""
        caller = self.request.caller
        depth = self.privileges.depth(caller.user_id, "Read", self.table)
        if depth >= GLOBAL or not self.table.is_owned:
            return None
        if depth > 1:
            unit = column_sql(MAIN_ALIAS, "owningbusinessunit")
            return Sql(f"{unit} = ?", (caller.business_unit_id,))
        owner = column_sql(MAIN_ALIAS, "ownerid")
        teams = "SELECT teamid FROM teammembership WHERE systemuserid = ?"
        return Sql(f"({owner} = ? OR {owner} IN ({teams}))", (caller.user_id, caller.user_id))

    def _document(self, plan: SelectPlan, page: ResultPage) -> dict[str, Json]:
        select = self.options.get("$select")
        document: dict[str, Json] = {
            "@odata.context": _expanded_context(self.request.base, plan, select)
        }
        if page.total is not None:
            document["@odata.count"] = page.total
        document.update(self._annotations(page.total, exceeded=page.total_exceeded))
        shaper = self._shaper()
        if plan.expansions:
            document["value"] = [shape_result(shaper, self.request.base, row) for row in page.rows]
        else:
            values = (row.values for row in page.rows)
            document["value"] = shaper.shape_all(plan.table, values, plan.columns)
        if page.next_token is not None:
            document["@odata.nextLink"] = self._next_link(self.path, page.next_token)
        return document

    def _annotations(self, total: int | None, *, exceeded: bool) -> dict[str, Json]:
        found: dict[str, Json] = {}
        wants = self.request.preferences.wants_annotation
        if wants(TOTAL):
            found[f"@{TOTAL}"] = -1 if total is None else total
        if wants(TOTAL_EXCEEDED):
            found[f"@{TOTAL_EXCEEDED}"] = exceeded
        if wants(METADATA_VERSION):
            found[f"@{METADATA_VERSION}"] = str(self.organization.catalog.version)
        return found


def read_expanded(
    organization: Organization,
    request: Request,
    options: QueryOptions,
    table: TableDefinition,
    row_id: str,
    *,
    parent: Parent | None = None,
) -> WireRow | None:
    """One row with its `$expand`, None when it is gone or not in the collection of `parent`."""
    plan = plan_collection(
        table,
        options,
        query_context(organization, request),
        parent=parent,
        restriction=row_restriction(table, row_id),
    )
    page = run_plan(plan, organization.storage.connection)
    if not page.rows:
        return None
    shaper = RowShaper(organization.storage, request.preferences)
    context = f"{_expanded_context(request.base, plan, options.get('$select'))}/$entity"
    return {"@odata.context": context, **shape_result(shaper, request.base, page.rows[0])}


def query_context(organization: Organization, request: Request) -> QueryContext:
    """What queries are evaluated against."""
    return QueryContext(
        catalog=organization.catalog,
        now=organization.clock.now(),
        user_id=request.caller.user_id,
        business_unit_id=request.caller.business_unit_id,
        ensure_index=organization.storage.indexes.ensure,
    )


def shape_result(shaper: RowShaper, base: str, row: ResultRow) -> WireRow:
    """A row with everything expanded below it."""
    wire = shaper.shape(row.table, row.values, row.columns)
    for name, expanded in row.expanded.items():
        wire.update(_shape_expanded(shaper, base, row, name, expanded))
    return wire


def _shape_expanded(
    shaper: RowShaper, base: str, row: ResultRow, name: str, expanded: Expanded
) -> WireRow:
    if isinstance(expanded, ExpandedRows):
        children = [shape_result(shaper, base, child) for child in expanded.rows]
        link = f"{base}/{row.table.entity_set}({row.id})/{name}"
        query = f"?{expanded.link_query}" if expanded.link_query else ""
        return {name: children, f"{name}@odata.nextLink": link + query}
    return {name: _shape_single(shaper, base, expanded)}


def _shape_single(shaper: RowShaper, base: str, expanded: ExpandedRow) -> WireRow | None:
    found = expanded.row
    if found is None:
        return None
    if expanded.is_principal:
        kind = f"#Microsoft.Dynamics.CRM.{found.table.logical_name}"
        return {"@odata.type": kind, "ownerid": found.id}
    if expanded.is_reference:
        return {"@odata.id": f"{base}/{found.table.entity_set}({found.id})"}
    wire = shape_result(shaper, base, found)
    if found.table.logical_name == "systemuser":
        wire.setdefault("ownerid", found.id)
    return wire


def _expanded_context(base: str, plan: SelectPlan, select: str | None) -> str:
    names = [*selected_names(select), *_expanded_names(plan.expansions)]
    return context_url(base, plan.table, names)


def _expanded_names(expansions: Iterable[Expansion]) -> list[str]:
    return [
        f"{expansion.navigation.name}({','.join(_inner_names(expansion))})"
        for expansion in expansions
    ]


def _inner_names(expansion: Expansion) -> list[str]:
    selected = ["/".join(name.path) for name in expansion.item.select or ()]
    return [*selected, *_expanded_names(expansion.children)]
