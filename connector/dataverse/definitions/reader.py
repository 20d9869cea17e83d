"""Reads table definitions, only what is asked for, and remembers them; nothing is guessed from a
name.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec

from connector.dataverse.definitions.model import COLUMN_TYPES, TableAddress, TableDefinition
from connector.dataverse.definitions.source import DefinitionSource
from connector.dataverse.wire.errors import Reaction, RowFault, UnusableRequest
from connector.dataverse.wire.odata import build_query
from connector.dataverse.wire.payloads import (
    AttributePayload,
    DefinitionPayload,
    ManyToManyPayload,
    OptionPayload,
    RelationshipPayload,
    decode_collection,
    decode_list,
)
from engine.schema import Column, ColumnType, Relationship, RelationshipKind

_ADDRESS = (
    "LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,"
    "ChangeTrackingEnabled,IsOptimisticConcurrencyEnabled"
)
_ATTRIBUTE = "LogicalName,AttributeType,AttributeTypeName,IsValidForRead,AttributeOf"
_RELATED = "SchemaName,ReferencingAttribute,ReferencingEntity,ReferencedEntity"
_TO_ONE = f"{_RELATED},ReferencingEntityNavigationPropertyName"
_TO_MANY = f"{_RELATED},ReferencedEntityNavigationPropertyName"
_MANY_TO_MANY = (
    "SchemaName,Entity1LogicalName,Entity2LogicalName,"
    "Entity1NavigationPropertyName,Entity2NavigationPropertyName"
)
_CHOICE_CASTS: Mapping[ColumnType, str] = {
    ColumnType.CHOICE: "PicklistAttributeMetadata",
    ColumnType.STATE: "StateAttributeMetadata",
    ColumnType.STATUS: "StatusAttributeMetadata",
    ColumnType.MULTI_CHOICE: "MultiSelectPicklistAttributeMetadata",
    ColumnType.BOOLEAN: "BooleanAttributeMetadata",
}
_LOOKUPS = frozenset({ColumnType.LOOKUP, ColumnType.OWNER, ColumnType.CUSTOMER})


class MetadataReader:
    """Definitions by logical name, read once until the metadata version moves; safe for threads.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api
    """

    def __init__(self, source: DefinitionSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._addresses: dict[str, TableAddress] = {}
        self._navigations: dict[str, dict[tuple[str, str], str]] = {}
        self._definitions: dict[str, TableDefinition] = {}
        self._messages: dict[tuple[str, str], bool] = {}

    def locate(self, logical_name: str) -> TableAddress:
        """Entity set and primary key of a table: one small request; raises UnusableRequest when it
        is unknown.
        """
        self._refresh()
        with self._lock:
            known = self._addresses.get(logical_name)
        if known is not None:
            return known
        address = self._read_address(logical_name)
        with self._lock:
            self._addresses[logical_name] = address
        return address

    def find_navigation(self, logical_name: str, column: str, target: str) -> str:
        """The navigation property a bind of this lookup to this table needs; raises
        UnusableRequest.
        """
        known = self.list_navigations(logical_name)
        found = known.get((column, target)) or known.get((column, "owner"))
        if found is None:
            raise UnusableRequest(
                f"the lookup {column} of table {logical_name} does not point to {target}: check "
                "the column in the settings"
            )
        return found

    def find_clearing_navigation(self, logical_name: str, column: str) -> str:
        """The navigation property that, set to null, clears a lookup; raises UnusableRequest."""
        for (lookup, _), navigation in self.list_navigations(logical_name).items():
            if lookup == column:
                return navigation
        raise UnusableRequest(
            f"table {logical_name} has no lookup {column}: check the column in the settings"
        )

    def has_message(self, logical_name: str, message: str) -> bool:
        """Whether a bulk message exists for a table; the answer is remembered."""
        with self._lock:
            known = self._messages.get((logical_name, message))
        if known is None:
            known = self._read_message(logical_name, message)
            with self._lock:
                self._messages[logical_name, message] = known
        return known

    def list_navigations(self, logical_name: str) -> Mapping[tuple[str, str], str]:
        """Every navigation property behind a lookup of a table, by column and target."""
        with self._lock:
            known = self._navigations.get(logical_name)
        if known is None:
            known = _index_navigations(self._read_to_one(logical_name))
            with self._lock:
                self._navigations[logical_name] = known
        return known

    def describe(self, logical_name: str) -> TableDefinition:
        """The whole definition: columns with types and choices, and relationships."""
        self._refresh()
        with self._lock:
            known = self._definitions.get(logical_name)
        if known is not None:
            return known
        definition = self._read_definition(logical_name)
        with self._lock:
            self._definitions[logical_name] = definition
        return definition

    def note_version(self, version: str | None) -> bool:
        """Take in a `globalmetadataversion`; when it moved everything is forgotten and the answer
        is True.
        """
        moved = self._source.note_version(version)
        if moved:
            self._clear()
        return moved

    def _refresh(self) -> None:
        if self._source.check_version():
            self._clear()

    def _clear(self) -> None:
        with self._lock:
            self._addresses.clear()
            self._navigations.clear()
            self._definitions.clear()
            self._messages.clear()

    def _read_address(self, logical_name: str) -> TableAddress:
        try:
            body = self._get(logical_name, "", {"$select": _ADDRESS})
        except RowFault as error:
            if error.fault.reaction is Reaction.FORBIDDEN:
                raise
            raise UnusableRequest(
                f'the environment has no table "{logical_name}": check the logical name ({error})'
            ) from error
        found = msgspec.json.decode(body, type=DefinitionPayload)
        return TableAddress(
            logical_name=found.logical_name,
            entity_set=found.entity_set,
            primary_id=found.primary_id,
            primary_name=found.primary_name,
            change_tracking=found.change_tracking,
            optimistic_concurrency=found.optimistic_concurrency,
        )

    def _read_message(self, logical_name: str, message: str) -> bool:
        options = {
            "$select": "sdkmessagefilterid",
            "$filter": f"sdkmessageid/name eq '{message}'"
            f" and primaryobjecttypecode eq '{logical_name}'",
        }
        try:
            body = self._source.read(f"sdkmessagefilters?{build_query(options)}")
        except RowFault:
            return False
        return bool(decode_collection(body).value)

    def _read_definition(self, logical_name: str) -> TableDefinition:
        address = self.locate(logical_name)
        to_one = self._read_to_one(logical_name)
        columns = dict(self._read_columns(logical_name, to_one))
        relationships = {
            **_build_to_one(to_one),
            **dict(self._read_to_many(logical_name)),
            **dict(self._read_many_to_many(logical_name)),
        }
        return TableDefinition(
            address=address,
            columns=columns,
            relationships=relationships,
        )

    def _read_columns(
        self, logical_name: str, to_one: list[RelationshipPayload]
    ) -> Iterator[tuple[str, Column]]:
        attributes = decode_list(
            self._get(logical_name, "/Attributes", {"$select": _ATTRIBUTE}), AttributePayload
        )
        types = {
            item.logical_name: _find_type(item)
            for item in attributes
            if item.attribute_of is None and item.is_valid_for_read is not False
        }
        options = self._read_choices(logical_name, set(types.values()))
        days = self._read_day_columns(logical_name, set(types.values()))
        targets = {**_group_targets(to_one), **self._read_targets(logical_name)}
        for name, kind in types.items():
            column = Column(name=name, type=ColumnType.DATE if name in days else kind)
            if kind in _LOOKUPS:
                column = replace(column, targets=targets.get(name, ()))
            yield name, replace(column, options=options.get(name, {}))

    def _read_choices(
        self, logical_name: str, types: set[ColumnType]
    ) -> Mapping[str, Mapping[int, str]]:
        options: dict[str, Mapping[int, str]] = {}
        for kind, cast in _CHOICE_CASTS.items():
            if kind not in types:
                continue
            body = self._get(
                logical_name,
                f"/Attributes/Microsoft.Dynamics.CRM.{cast}",
                {"$select": "LogicalName", "$expand": _choice_expand(kind)},
            )
            for item in decode_list(body, OptionPayload):
                options[item.logical_name] = item.labels()
        return options

    def _read_targets(self, logical_name: str) -> dict[str, tuple[str, ...]]:
        body = self._get(
            logical_name,
            "/Attributes/Microsoft.Dynamics.CRM.LookupAttributeMetadata",
            {"$select": "LogicalName,Targets"},
        )
        items = decode_list(body, AttributePayload)
        return {item.logical_name: tuple(item.targets) for item in items if item.targets}

    def _read_day_columns(self, logical_name: str, types: set[ColumnType]) -> set[str]:
        """Columns that hold a day; a date-only *format* on a column with a time is not one."""
        if ColumnType.DATETIME not in types:
            return set()
        body = self._get(
            logical_name,
            "/Attributes/Microsoft.Dynamics.CRM.DateTimeAttributeMetadata",
            {"$select": "LogicalName,DateTimeBehavior,Format"},
        )
        return {item.logical_name for item in decode_list(body, AttributePayload) if item.is_day}

    def _read_to_one(self, logical_name: str) -> list[RelationshipPayload]:
        body = self._get(logical_name, "/ManyToOneRelationships", {"$select": _TO_ONE})
        return decode_list(body, RelationshipPayload)

    def _read_to_many(self, logical_name: str) -> Iterator[tuple[str, Relationship]]:
        body = self._get(logical_name, "/OneToManyRelationships", {"$select": _TO_MANY})
        for item in decode_list(body, RelationshipPayload):
            if item.to_many_navigation:
                yield (
                    item.to_many_navigation,
                    Relationship(
                        navigation=item.to_many_navigation,
                        kind=RelationshipKind.ONE_TO_MANY,
                        table=item.referencing_entity,
                        column=item.referencing_attribute,
                    ),
                )

    def _read_many_to_many(self, logical_name: str) -> Iterator[tuple[str, Relationship]]:
        body = self._get(logical_name, "/ManyToManyRelationships", {"$select": _MANY_TO_MANY})
        for item in decode_list(body, ManyToManyPayload):
            navigation, other = item.seen_from(logical_name)
            if navigation:
                yield (
                    navigation,
                    Relationship(
                        navigation=navigation, kind=RelationshipKind.MANY_TO_MANY, table=other
                    ),
                )

    def _get(self, logical_name: str, tail: str, options: Mapping[str, str]) -> bytes:
        if not logical_name.replace("_", "").isalnum():
            raise UnusableRequest(f'"{logical_name}" is not a logical name of a table')
        key = f"EntityDefinitions(LogicalName='{logical_name}')"
        return self._source.read(f"{key}{tail}?{build_query(options)}")


def _find_type(item: AttributePayload) -> ColumnType:
    if item.type_name == "MultiSelectPicklistType":
        return ColumnType.MULTI_CHOICE
    return COLUMN_TYPES.get(item.attribute_type or "", ColumnType.UNKNOWN)


def _choice_expand(kind: ColumnType) -> str:
    if kind is ColumnType.BOOLEAN:
        return "OptionSet($select=TrueOption,FalseOption)"
    if kind in {ColumnType.STATE, ColumnType.STATUS}:
        return "OptionSet($select=Options)"
    return "OptionSet($select=Options),GlobalOptionSet($select=Options)"


def _group_targets(to_one: list[RelationshipPayload]) -> dict[str, tuple[str, ...]]:
    targets: dict[str, tuple[str, ...]] = {}
    for item in to_one:
        known = targets.get(item.referencing_attribute, ())
        if item.referenced_entity not in known:
            targets[item.referencing_attribute] = (*known, item.referenced_entity)
    return targets


def _index_navigations(to_one: list[RelationshipPayload]) -> dict[tuple[str, str], str]:
    return {
        (item.referencing_attribute, item.referenced_entity): item.to_one_navigation
        for item in to_one
        if item.to_one_navigation
    }


def _build_to_one(to_one: list[RelationshipPayload]) -> dict[str, Relationship]:
    return {
        item.to_one_navigation: Relationship(
            navigation=item.to_one_navigation,
            kind=RelationshipKind.MANY_TO_ONE,
            table=item.referenced_entity,
            column=item.referencing_attribute,
        )
        for item in to_one
        if item.to_one_navigation
    }
