"""Creating, changing and deleting rows, with every rule the server applies on the way.

Callers wrap a request in one transaction. HTTP preconditions are in `resources.preconditions`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.emulator.catalog.relationships import Cascade, ManyToOne, Navigation, NavigationKind
from connector.emulator.catalog.table_definition import (
    PRINCIPALS,
    AlternateKey,
    ColumnType,
    TableDefinition,
)
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import (
    BASE_CURRENCY_ID,
    ROOT_UNIT_ID,
    Organization,
)
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Caller
from connector.emulator.rows.bodies import (
    Changes,
    Reference,
    bind_lookup,
    read_changes,
    row_not_found,
    set_lookup,
)
from connector.emulator.rows.events import Event, record_event
from connector.emulator.rows.owners import (
    OwnerValue,
    cascade_assignment,
    children,
    owner_values,
    raise_if_cannot_own,
)
from connector.emulator.rows.states import complete_state, raise_if_closed
from connector.emulator.storage.database import StoredRow, StoredValue
from connector.emulator.storage.sql_names import type_column

_NEVER_UNLINKED = frozenset(
    {
        "createdby",
        "modifiedby",
        "createdonbehalfby",
        "modifiedonbehalfby",
        "owninguser",
        "owningteam",
        "owningbusinessunit",
        "organizationid",
    }
)
_STILL_ASSOCIATED = (
    "The object you tried to delete is associated with another object and cannot be deleted."
)
_FULL_NAME_TABLES = frozenset({"lead", "contact", "systemuser"})
_SYSTEM_REQUIRED = {"msdyn_sequencetarget": ("msdyn_sequencetargetuniquekey",)}


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes on behalf of one caller."""

    organization: Organization
    privileges: Privileges
    caller: Caller

    def create(
        self,
        table: TableDefinition,
        body: Mapping[str, Json],
        *,
        row_id: str | None = None,
        key_columns: Mapping[str, StoredValue] | None = None,
    ) -> str:
        """Create a row (and what the body nests) and return its id.

        `row_id` is the id of an upsert's URL; `key_columns` are those of an alternate key in it.
        """
        self.privileges.raise_if_denied(self.caller, "Create", table)
        changes = read_changes(self.organization, table, body, creating=True)
        changes.values.update(key_columns or {})
        self._create_parents(table, changes)
        given = row_id or changes.values.get(table.primary_id)
        new_id = str(given or self.organization.new_id())
        changes.values[table.primary_id] = new_id
        self._complete_new_row(table, changes)
        self._raise_if_duplicate(table, changes.values, new_id)
        changes.values["versionnumber"] = self.organization.storage.next_version()
        self.organization.storage.insert_rows(table, [changes.values])
        self._record("Create", table, new_id, changed=changes.values)
        self._create_members(table, new_id, changes)
        return new_id

    def update(self, table: TableDefinition, current: StoredRow, body: Mapping[str, Json]) -> None:
        """Change a row; identical values still raise its version and `modifiedon`.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/update-delete-entities-using-web-api
        """
        changes = read_changes(self.organization, table, body, creating=False)
        self.apply(table, current, changes)

    def apply(self, table: TableDefinition, current: StoredRow, changes: Changes) -> None:
        """Write changes that were read already."""
        self._raise_if_out_of_reach("Write", table, current)
        _raise_if_key_changes(table, current, changes)
        raise_if_closed(table, changes, current)
        complete_state(table, changes, current)
        row_id = str(current[table.primary_id])
        owner = self._new_owner(table, changes, current)
        changes.values.pop(table.primary_id, None)
        self._derive(table, changes.values, current)
        self._raise_if_duplicate(table, {**current, **changes.values}, row_id)
        written = dict(changes.values)
        changes.values.update(self._stamp(table))
        self.organization.storage.update_row(table, row_id, changes.values)
        self._record("Update", table, row_id, changed=written, before=current)
        for navigation, reference in changes.linked:
            self.link(table, row_id, navigation, reference)
        if owner is not None:
            cascade_assignment(self.organization, table, row_id, owner, self.caller.user_id)

    def delete(self, table: TableDefinition, current: StoredRow) -> None:
        """Delete a row and what its relationships say goes with it."""
        self._raise_if_out_of_reach("Delete", table, current)
        row_id = str(current[table.primary_id])
        for relationship in list(self.organization.catalog.relationships_to(table.logical_name)):
            if relationship.referencing_column not in _NEVER_UNLINKED:
                self._release_children(relationship, row_id)
        if self.organization.storage.fetch_row(table, row_id) is not None:
            self.organization.storage.delete_row(table, row_id)
            self._record("Delete", table, row_id, before=current)

    def _raise_if_out_of_reach(self, verb: str, table: TableDefinition, current: StoredRow) -> None:
        self.privileges.raise_if_denied(self.caller, verb, table)
        self.privileges.raise_unless_covered(self.caller, verb, table, current)

    def _record(
        self,
        message: str,
        table: TableDefinition,
        row_id: str,
        *,
        changed: Mapping[str, StoredValue] | None = None,
        before: StoredRow | None = None,
    ) -> None:
        event = Event(
            message=message,
            table=table,
            row_id=row_id,
            user_id=self.caller.user_id,
            changed=changed or {},
            before=before,
        )
        record_event(self.organization, event)

    def link(
        self, table: TableDefinition, row_id: str, navigation: Navigation, target: Reference
    ) -> None:
        """Add a row to a collection; adding it again changes nothing."""
        if navigation.kind is NavigationKind.COLLECTION:
            self._point_back(Reference(table, row_id), navigation, target)
        else:
            self._insert_intersect(row_id, navigation, target)

    def _insert_intersect(self, row_id: str, navigation: Navigation, target: Reference) -> None:
        storage = self.organization.storage
        intersect = self.organization.catalog.tables[str(navigation.intersect_table)]
        values = _intersect_values(row_id, navigation, target)
        if not storage.fetch_rows_where(intersect, values):
            values[intersect.primary_id] = self.organization.new_id()
            values["versionnumber"] = storage.next_version()
            storage.insert_rows(intersect, [values])

    def unlink(self, row_id: str, navigation: Navigation, target: Reference) -> None:
        """Take a row out of a collection."""
        if navigation.kind is NavigationKind.COLLECTION:
            current = self.organization.storage.fetch_row(target.table, target.id)
            if current is not None and current[navigation.target_column] == row_id:
                self._set_lookup(target.table, current, navigation.target_column, None)
        else:
            self._delete_intersect(row_id, navigation, target)

    def _delete_intersect(self, row_id: str, navigation: Navigation, target: Reference) -> None:
        storage = self.organization.storage
        intersect = self.organization.catalog.tables[str(navigation.intersect_table)]
        for row in storage.fetch_rows_where(
            intersect, _intersect_values(row_id, navigation, target)
        ):
            storage.delete_row(intersect, str(row[intersect.primary_id]))

    def _set_lookup(
        self, table: TableDefinition, current: StoredRow, column: str, target: Reference | None
    ) -> None:
        changes = Changes()
        set_lookup(table.columns_by_name[column], target, changes)
        self.apply(table, current, changes)

    def _point_back(self, to: Reference, navigation: Navigation, target: Reference) -> None:
        current = self.organization.storage.fetch_row(target.table, target.id)
        if current is None:
            raise row_not_found(target.table, target.id)
        self._set_lookup(target.table, current, navigation.target_column, to)

    def _create_parents(self, table: TableDefinition, changes: Changes) -> None:
        for navigation, body in changes.created:
            target = self.organization.catalog.tables[navigation.target]
            new_id = self.create(target, body)
            bind_lookup(table, navigation, Reference(target, new_id), changes)

    def _create_members(self, table: TableDefinition, row_id: str, changes: Changes) -> None:
        for navigation, body in changes.members:
            target = self.organization.catalog.tables[navigation.target]
            if navigation.kind is NavigationKind.INTERSECTION:
                self.link(table, row_id, navigation, Reference(target, self.create(target, body)))
                continue
            bind = self._bind_name(table, navigation)
            self.create(target, {**body, f"{bind}@odata.bind": f"/{table.entity_set}({row_id})"})
        for navigation, reference in changes.linked:
            self.link(table, row_id, navigation, reference)

    def _bind_name(self, table: TableDefinition, navigation: Navigation) -> str:
        for each in self.organization.catalog.relationships_from(navigation.target):
            key = (each.referencing_column, each.referenced_table)
            if key == (navigation.target_column, table.logical_name):
                return each.referencing_navigation
        return navigation.target_column

    def _complete_new_row(self, table: TableDefinition, changes: Changes) -> None:
        values = changes.values
        _set_defaults(table, values)
        complete_state(table, changes, None)
        self._set_first_owner(table, changes)
        self._derive(table, values, {})
        _raise_if_incomplete(table, values)
        values.update(self._birth(table, values))

    def _set_first_owner(self, table: TableDefinition, changes: Changes) -> None:
        values = changes.values
        if table.is_owned:
            owner = _owner_in(changes) or OwnerValue("systemuser", self.caller.user_id)
            raise_if_cannot_own(self.organization, self.privileges, table, owner)
            values.update(owner_values(self.organization, table, owner))
        elif table.logical_name in PRINCIPALS:
            values["ownerid"] = values[table.primary_id]
            values.setdefault("businessunitid", ROOT_UNIT_ID)

    def _birth(
        self, table: TableDefinition, values: Mapping[str, StoredValue]
    ) -> dict[str, StoredValue]:
        if table.column("createdon") is None:
            return {}
        now = timestamp(self.organization.clock.now())
        stamp: dict[str, StoredValue] = {"createdon": values.get("overriddencreatedon") or now}
        stamp["modifiedon"] = now
        if table.column("createdby") is not None:
            stamp |= {"createdby": self.caller.user_id, "modifiedby": self.caller.user_id}
            for name in ("createdonbehalfby", "modifiedonbehalfby"):
                stamp[name] = self.caller.on_behalf_by
        return stamp

    def _stamp(self, table: TableDefinition) -> dict[str, StoredValue]:
        stamp: dict[str, StoredValue] = {"versionnumber": self.organization.storage.next_version()}
        if table.column("modifiedon") is not None:
            stamp["modifiedon"] = timestamp(self.organization.clock.now())
        if table.column("modifiedby") is not None:
            stamp["modifiedby"] = self.caller.user_id
            stamp["modifiedonbehalfby"] = self.caller.on_behalf_by
        return stamp

    def _new_owner(
        self, table: TableDefinition, changes: Changes, current: StoredRow
    ) -> OwnerValue | None:
        owner = _owner_in(changes) if table.is_owned else None
        if owner is None:
            return None
        self._raise_if_out_of_reach("Assign", table, current)
        self._raise_if_out_of_reach("Read", table, current)
        if (current["ownerid"], current[type_column("ownerid")]) == (owner.id, owner.table):
            return None
        raise_if_cannot_own(self.organization, self.privileges, table, owner)
        changes.values.update(owner_values(self.organization, table, owner))
        return owner

    def _derive(
        self, table: TableDefinition, values: dict[str, StoredValue], current: Mapping[str, Json]
    ) -> None:
        if table.logical_name in _FULL_NAME_TABLES and {"firstname", "lastname"} & values.keys():
            parts = (values.get(name, current.get(name)) for name in ("firstname", "lastname"))
            values["fullname"] = " ".join(str(part) for part in parts if part) or None
        if table.column("transactioncurrencyid") is not None and _touches_money(table, values):
            self._derive_base_amounts(table, values, current)

    def _derive_base_amounts(
        self, table: TableDefinition, values: dict[str, StoredValue], current: Mapping[str, Json]
    ) -> None:
        currency = values.get("transactioncurrencyid") or current.get("transactioncurrencyid")
        values["transactioncurrencyid"] = currency or BASE_CURRENCY_ID
        rate = self._exchange_rate(str(values["transactioncurrencyid"]))
        if table.column("exchangerate") is not None:
            values["exchangerate"] = rate
        for column in table.columns:
            base = table.column(f"{column.logical_name}_base")
            if base is not None:
                amount = values.get(column.logical_name, current.get(column.logical_name))
                converted = None if amount is None else round(float(amount) / rate, 4)
                values[base.logical_name] = converted

    def _exchange_rate(self, currency_id: str) -> float:
        table = self.organization.catalog.tables["transactioncurrency"]
        row = self.organization.storage.fetch_row(table, currency_id) or {}
        return float(row.get("exchangerate") or 1)

    def _raise_if_duplicate(
        self, table: TableDefinition, values: Mapping[str, StoredValue], row_id: str
    ) -> None:
        creating = "versionnumber" not in values
        if creating and self.organization.storage.fetch_row(table, row_id) is not None:
            message = "A record with matching key values already exists."
            raise ODataError(412, ErrorCode.DUPLICATE_RECORD, message)
        for key in table.keys:
            wanted = {name: values.get(name) for name in key.columns}
            if None not in wanted.values() and self._is_taken(table, wanted, row_id):
                raise _duplicate_key(key)

    def _is_taken(
        self, table: TableDefinition, wanted: Mapping[str, StoredValue], row_id: str
    ) -> bool:
        rows = self.organization.storage.fetch_rows_where(table, wanted)
        return any(row[table.primary_id] != row_id for row in rows)

    def _release_children(self, relationship: ManyToOne, row_id: str) -> None:
        child = self.organization.catalog.tables[relationship.referencing_table]
        rows = children(self.organization, relationship, row_id)
        if rows and child.columns_by_name[relationship.referencing_column].type is ColumnType.OWNER:
            raise ODataError(405, ErrorCode.CANNOT_DELETE_DUE_TO_ASSOCIATION, _STILL_ASSOCIATED)
        for row in rows:
            if relationship.delete is Cascade.CASCADE:
                self.delete(child, row)
            else:
                self._remove_link(child, relationship.referencing_column, row)

    def _remove_link(self, child: TableDefinition, column: str, row: StoredRow) -> None:
        changes = Changes()
        set_lookup(child.columns_by_name[column], None, changes)
        unlinked, child_id = dict(changes.values), str(row[child.primary_id])
        changes.values.update(self._stamp(child))
        self.organization.storage.update_row(child, child_id, changes.values)
        self._record("Update", child, child_id, changed=unlinked, before=row)


def _intersect_values(
    row_id: str, navigation: Navigation, target: Reference
) -> dict[str, StoredValue]:
    return {
        str(navigation.intersect_column): row_id,
        str(navigation.intersect_target_column): target.id,
    }


def _set_defaults(table: TableDefinition, values: dict[str, StoredValue]) -> None:
    for column in table.stored_columns:
        # The state is settled later: it follows a status reason that was given alone.
        if column.default is not None and column.type is not ColumnType.STATE:
            values.setdefault(column.logical_name, column.default)


def _touches_money(table: TableDefinition, values: Mapping[str, StoredValue]) -> bool:
    amounts = (column for column in table.columns if column.type is ColumnType.MONEY)
    return bool(values.get("transactioncurrencyid")) or any(
        column.logical_name in values for column in amounts
    )


def _owner_in(changes: Changes) -> OwnerValue | None:
    owner_id = changes.values.get("ownerid")
    if owner_id is None:
        return None
    return OwnerValue(str(changes.values[type_column("ownerid")]), str(owner_id))


def _required_names(table: TableDefinition) -> Iterator[str]:
    for column in table.columns:
        if column.is_required and column.type is ColumnType.LOOKUP:
            yield column.logical_name
    yield from _SYSTEM_REQUIRED.get(table.logical_name, ())


def _raise_if_incomplete(table: TableDefinition, values: Mapping[str, StoredValue]) -> None:
    for name in _required_names(table):
        if values.get(name) is None:
            message = f"Required field '{name}' is missing for {table.logical_name}."
            raise ODataError(400, ErrorCode.REQUIRED_FIELD_MISSING, message)


def _raise_if_key_changes(table: TableDefinition, current: StoredRow, changes: Changes) -> None:
    given = changes.values.get(table.primary_id)
    if given is not None and given != current[table.primary_id]:
        raise invalid_argument(f"The primary key of {table.logical_name} cannot be changed.")


def _duplicate_key(key: AlternateKey) -> ODataError:
    return ODataError(
        412,
        ErrorCode.DUPLICATE_RECORD_ENTITY_KEY,
        f"A record that has the attribute values {', '.join(key.columns)} already exists. The "
        f"entity key {key.logical_name} requires that this set of attributes contains unique "
        "values. Select unique values and try again.",
    )
