"""Shapes of Web API bodies and how they are decoded; what they mean is decided elsewhere."""

from typing import Any, Generic, TypeVar

import msgspec

from engine.records import Row
from engine.schema import EntitySetName, LogicalName

ETAG = "@odata.etag"
CONTEXT = "@odata.context"
NEXT_LINK = "@odata.nextLink"

Item = TypeVar("Item")


class CollectionOf(msgspec.Struct, Generic[Item], gc=False):
    """A page; an empty delta may come without `value`."""

    value: list[Item] = []
    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)
    delta_link: str | None = msgspec.field(name="@odata.deltaLink", default=None)
    metadata_version: str | None = msgspec.field(
        name="@Microsoft.Dynamics.CRM.globalmetadataversion", default=None
    )


class ErrorDetail(msgspec.Struct):
    """The inside of an error body."""

    code: str = ""
    message: str = ""


class ErrorPayload(msgspec.Struct):
    """An error body."""

    error: ErrorDetail


class WhoAmIPayload(msgspec.Struct):
    """The answer of WhoAmI."""

    user_id: str = msgspec.field(name="UserId")
    organization_id: str = msgspec.field(name="OrganizationId")
    business_unit_id: str = msgspec.field(name="BusinessUnitId")


CollectionPayload = CollectionOf[dict[str, Any]]
"""A page of rows."""

CollectionDecoder = msgspec.json.Decoder[CollectionPayload]

COLLECTION = msgspec.json.Decoder(CollectionPayload)
ERROR = msgspec.json.Decoder(ErrorPayload)
WHO_AM_I = msgspec.json.Decoder(WhoAmIPayload)
ROW = msgspec.json.Decoder(dict[str, Any])

encode_json = msgspec.json.Encoder().encode


def decode_collection(body: bytes, decoder: CollectionDecoder = COLLECTION) -> CollectionPayload:
    """Decode a page; raises msgspec.DecodeError for anything else."""
    return decoder.decode(body) if body and not body.isspace() else CollectionPayload()


def decode_row(body: bytes) -> Row:
    """Decode one row."""
    return ROW.decode(body)


class DefinitionPayload(msgspec.Struct):
    """The selected part of a table's definition."""

    logical_name: LogicalName = msgspec.field(name="LogicalName")
    entity_set: EntitySetName = msgspec.field(name="EntitySetName")
    primary_id: str = msgspec.field(name="PrimaryIdAttribute")
    primary_name: str | None = msgspec.field(name="PrimaryNameAttribute", default=None)
    change_tracking: bool = msgspec.field(name="ChangeTrackingEnabled", default=False)
    optimistic_concurrency: bool = msgspec.field(
        name="IsOptimisticConcurrencyEnabled", default=False
    )


class NamedValue(msgspec.Struct):
    """Metadata wraps many values in an object with one member."""

    value: str = msgspec.field(name="Value", default="")


class AttributePayload(msgspec.Struct):
    """The selected part of a column's definition."""

    logical_name: str = msgspec.field(name="LogicalName")
    attribute_type: str | None = msgspec.field(name="AttributeType", default=None)
    wrapped_type_name: NamedValue | None = msgspec.field(name="AttributeTypeName", default=None)
    is_valid_for_read: bool | None = msgspec.field(name="IsValidForRead", default=None)
    attribute_of: str | None = msgspec.field(name="AttributeOf", default=None)
    behaviour: NamedValue | None = msgspec.field(name="DateTimeBehavior", default=None)
    targets: list[str] = msgspec.field(name="Targets", default_factory=list[str])

    @property
    def type_name(self) -> str:
        """The finer type name."""
        return self.wrapped_type_name.value if self.wrapped_type_name else ""

    @property
    def is_day(self) -> bool:
        """Whether the column holds a day without a time."""
        return self.behaviour is not None and self.behaviour.value == "DateOnly"


class LabelPayload(msgspec.Struct):
    """One text in one language."""

    text: str | None = msgspec.field(name="Label", default=None)


class LabelsPayload(msgspec.Struct):
    """A text in the caller's language and in all others."""

    of_user: LabelPayload | None = msgspec.field(name="UserLocalizedLabel", default=None)
    all: list[LabelPayload] = msgspec.field(
        name="LocalizedLabels", default_factory=list[LabelPayload]
    )

    @property
    def text(self) -> str:
        """The caller's language, else the first there is."""
        found = self.of_user or (self.all[0] if self.all else None)
        return (found.text if found else None) or ""


class ChoicePayload(msgspec.Struct):
    """One choice."""

    value: int = msgspec.field(name="Value")
    label: LabelsPayload | None = msgspec.field(name="Label", default=None)


class OptionSetPayload(msgspec.Struct):
    """Choices of a choice column, or the two of a yes/no column."""

    options: list[ChoicePayload] = msgspec.field(
        name="Options", default_factory=list[ChoicePayload]
    )
    true_option: ChoicePayload | None = msgspec.field(name="TrueOption", default=None)
    false_option: ChoicePayload | None = msgspec.field(name="FalseOption", default=None)


class OptionPayload(msgspec.Struct):
    """A column with its choices, its own or a global set."""

    logical_name: str = msgspec.field(name="LogicalName")
    own: OptionSetPayload | None = msgspec.field(name="OptionSet", default=None)
    shared: OptionSetPayload | None = msgspec.field(name="GlobalOptionSet", default=None)

    def labels(self) -> dict[int, str]:
        """Labels by number."""
        found = self.own or self.shared
        if found is None:
            return {}
        pair = [option for option in (found.false_option, found.true_option) if option is not None]
        return {
            choice.value: choice.label.text if choice.label else ""
            for choice in [*found.options, *pair]
        }


class RelationshipPayload(msgspec.Struct):
    """A relationship between a lookup column and the table it points to."""

    referencing_attribute: str = msgspec.field(name="ReferencingAttribute")
    referenced_entity: str = msgspec.field(name="ReferencedEntity")
    referencing_entity: str = msgspec.field(name="ReferencingEntity", default="")
    to_one_navigation: str | None = msgspec.field(
        name="ReferencingEntityNavigationPropertyName", default=None
    )
    to_many_navigation: str | None = msgspec.field(
        name="ReferencedEntityNavigationPropertyName", default=None
    )


class ManyToManyPayload(msgspec.Struct):
    """A relationship through an intersect table."""

    table1: str = msgspec.field(name="Entity1LogicalName")
    table2: str = msgspec.field(name="Entity2LogicalName")
    navigation1: str | None = msgspec.field(name="Entity1NavigationPropertyName", default=None)
    navigation2: str | None = msgspec.field(name="Entity2NavigationPropertyName", default=None)

    def seen_from(self, logical_name: str) -> tuple[str | None, str]:
        """Navigation property and other table, seen from one side."""
        if logical_name == self.table1:
            return self.navigation1, self.table2
        return self.navigation2, self.table1


def decode_list(body: bytes, item: type[Item]) -> list[Item]:
    """The `value` of a metadata collection."""
    wrapper = msgspec.json.decode(body)
    return msgspec.convert(wrapper.get("value", []), list[item])  # type: ignore[valid-type]
