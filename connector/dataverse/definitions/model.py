"""What the environment says of its tables, as values; reading it over the wire is in `reader`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.schema import Column, ColumnType, EntitySetName, LogicalName, Relationship, TableSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAddress:
    """Where a table's rows live and what they allow; the cheap part of a definition."""

    logical_name: LogicalName
    entity_set: EntitySetName
    primary_id: str
    primary_name: str | None = None
    change_tracking: bool = False
    optimistic_concurrency: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDefinition:
    """A table as the environment defines it."""

    address: TableAddress
    columns: Mapping[str, Column]
    relationships: Mapping[str, Relationship] = field(default_factory=dict[str, Relationship])

    @property
    def logical_name(self) -> LogicalName:
        """The logical name, `lead`."""
        return self.address.logical_name

    @property
    def entity_set(self) -> EntitySetName:
        """The entity set name, `leads`; never guessed from the logical name."""
        return self.address.entity_set

    @property
    def primary_id(self) -> str:
        """The primary key column, `leadid`; `activityid` for every activity."""
        return self.address.primary_id

    @property
    def change_tracking(self) -> bool:
        """Whether changes can be tracked."""
        return self.address.change_tracking

    def to_schema(self) -> TableSchema:
        """The table as the engine knows tables."""
        return TableSchema(
            name=self.logical_name,
            entity_set=self.entity_set,
            primary_id=self.primary_id,
            primary_name=self.address.primary_name,
            columns=self.columns,
            relationships=self.relationships,
            is_complete=True,
        )


COLUMN_TYPES: Mapping[str, ColumnType] = {
    "String": ColumnType.STRING,
    "Memo": ColumnType.MEMO,
    "Integer": ColumnType.INTEGER,
    "BigInt": ColumnType.BIGINT,
    "Decimal": ColumnType.DECIMAL,
    "Double": ColumnType.DOUBLE,
    "Money": ColumnType.MONEY,
    "Picklist": ColumnType.CHOICE,
    "Boolean": ColumnType.BOOLEAN,
    "State": ColumnType.STATE,
    "Status": ColumnType.STATUS,
    "DateTime": ColumnType.DATETIME,
    "Lookup": ColumnType.LOOKUP,
    "Owner": ColumnType.OWNER,
    "Customer": ColumnType.CUSTOMER,
    "Uniqueidentifier": ColumnType.UNIQUEIDENTIFIER,
}
"""`AttributeType` of the metadata → our type; multi-select choices are `Virtual` there and named by
`AttributeTypeName`.
"""
