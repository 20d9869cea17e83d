"""Tables, columns, choices, keys and relationships as the metadata part of the Web API shows them.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api
Selecting and filtering is in `reads`.
"""

from uuid import uuid5

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.relationships import ManyToMany, ManyToOne
from connector.emulator.catalog.table_definition import (
    ID_NAMESPACE,
    AlternateKey,
    ColumnDefinition,
    ColumnType,
    Option,
    TableDefinition,
)
from connector.emulator.protocol.json_shapes import Json

Document = dict[str, Json]
TYPE_PREFIX = "#Microsoft.Dynamics.CRM."
LANGUAGE = 1033

_ATTRIBUTE_CLASSES = {
    ColumnType.BIGINT: "BigIntAttributeMetadata",
    ColumnType.BOOLEAN: "BooleanAttributeMetadata",
    ColumnType.CUSTOMER: "LookupAttributeMetadata",
    ColumnType.DATETIME: "DateTimeAttributeMetadata",
    ColumnType.DECIMAL: "DecimalAttributeMetadata",
    ColumnType.DOUBLE: "DoubleAttributeMetadata",
    ColumnType.INTEGER: "IntegerAttributeMetadata",
    ColumnType.LOOKUP: "LookupAttributeMetadata",
    ColumnType.MEMO: "MemoAttributeMetadata",
    ColumnType.MONEY: "MoneyAttributeMetadata",
    ColumnType.MULTISELECT: "MultiSelectPicklistAttributeMetadata",
    ColumnType.OWNER: "LookupAttributeMetadata",
    ColumnType.PICKLIST: "PicklistAttributeMetadata",
    ColumnType.STATE: "StateAttributeMetadata",
    ColumnType.STATUS: "StatusAttributeMetadata",
    ColumnType.STRING: "StringAttributeMetadata",
    ColumnType.UNIQUEIDENTIFIER: "UniqueIdentifierAttributeMetadata",
}
_SYSTEM_REQUIRED = frozenset({"ownerid", "statecode"})
_NO_NOTES: Document = {
    "HasNotes": False,
    "HasActivities": False,
    "DataProviderId": None,
    "HasChanged": None,
}
_OPTION_SET_TYPES = {
    ColumnType.STATE: "State",
    ColumnType.STATUS: "Status",
    ColumnType.BOOLEAN: "Boolean",
}


def label(text: str) -> Document:
    """A label in the organization's one language."""
    metadata_id = str(uuid5(ID_NAMESPACE, f"label/{text}"))
    shown = {"Label": text, "LanguageCode": LANGUAGE, "IsManaged": True}
    shown |= {"MetadataId": metadata_id, "HasChanged": None}
    return {"LocalizedLabels": [shown], "UserLocalizedLabel": shown}


def managed(value: Json, name: str) -> Document:
    """A managed property."""
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": name}


def table_document(table: TableDefinition) -> Document:
    """One EntityMetadata, without its collections."""
    return {**_table_names(table), **_table_labels(table), **_table_flags(table)}


def _table_names(table: TableDefinition) -> Document:
    return {
        "MetadataId": table.metadata_id,
        "LogicalName": table.logical_name,
        "SchemaName": table.schema_name,
        "EntitySetName": table.entity_set,
        "LogicalCollectionName": table.entity_set,
        "CollectionSchemaName": table.schema_name + "s",
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "PrimaryImageAttribute": None,
        "ObjectTypeCode": table.object_type_code,
        "OwnershipType": table.ownership,
        "TableType": "Standard",
    }


def _table_labels(table: TableDefinition) -> Document:
    name = label(table.display_name or table.schema_name)
    collection = label(table.display_collection_name or f"{table.display_name}s")
    return {"DisplayName": name, "DisplayCollectionName": collection, "Description": name}


def _table_flags(table: TableDefinition) -> Document:
    can_be_tracked = table.change_tracking or table.is_custom
    return {
        "ChangeTrackingEnabled": table.change_tracking,
        "CanChangeTrackingBeEnabled": managed(can_be_tracked, "canchangetrackingbeenabled"),
        "IsOptimisticConcurrencyEnabled": table.optimistic_concurrency,
        "IsCustomEntity": table.is_custom or table.logical_name.startswith("msdyn_"),
        "IsCustomizable": managed(True, "iscustomizable"),
        "IsManaged": not table.is_custom,
        "IsIntersect": table.is_intersect,
        "IsActivity": table.primary_id == "activityid",
        "IsPrivate": False,
        "IsLogicalEntity": False,
        "IsValidForAdvancedFind": not table.is_intersect,
        "IsAuditEnabled": managed(False, "canmodifyauditsettings"),
        **_NO_NOTES,
    }


def column_document(table: TableDefinition, column: ColumnDefinition) -> Document:
    """One AttributeMetadata with the members its own type adds, choices left out."""
    return {
        "@odata.type": TYPE_PREFIX + _ATTRIBUTE_CLASSES[column.type],
        **_column_names(table, column),
        **_column_flags(table, column),
        **_typed_members(column),
    }


def _column_names(table: TableDefinition, column: ColumnDefinition) -> Document:
    shown = label(column.display_name or column.schema_name)
    return {
        "MetadataId": column_id(table, column),
        "LogicalName": column.logical_name,
        "SchemaName": column.schema_name,
        "EntityLogicalName": table.logical_name,
        "AttributeType": _attribute_type(column),
        "AttributeTypeName": {"Value": f"{column.type.value}Type"},
        "AttributeOf": column.attribute_of,
        "ColumnNumber": table.columns.index(column) + 1,
        "DisplayName": shown,
        "Description": shown,
    }


def _column_flags(table: TableDefinition, column: ColumnDefinition) -> Document:
    return {
        "IsPrimaryId": column.logical_name == table.primary_id,
        "IsPrimaryName": column.logical_name == table.primary_name,
        "IsValidForRead": column.valid_for_read,
        "IsValidForCreate": column.valid_for_create,
        "IsValidForUpdate": column.valid_for_update,
        "IsValidODataAttribute": column.attribute_of is None,
        "IsCustomAttribute": column.is_custom or column.logical_name.startswith("msdyn_"),
        "IsLogical": column.attribute_of is not None,
        "IsManaged": not column.is_custom,
        "IsFilterable": True,
        "IsSearchable": column.type is ColumnType.STRING,
        "RequiredLevel": _required_level(table, column),
        "SourceType": 0,
    }


def column_id(table: TableDefinition, column: ColumnDefinition) -> str:
    """The stable id of a column's definition."""
    return str(uuid5(ID_NAMESPACE, f"{table.logical_name}/{column.logical_name}"))


def attribute_class(column: ColumnDefinition) -> str:
    """The metadata type a cast names."""
    return _ATTRIBUTE_CLASSES[column.type]


def _attribute_type(column: ColumnDefinition) -> str:
    return "Virtual" if column.type is ColumnType.MULTISELECT else column.type.value


def _required_level(table: TableDefinition, column: ColumnDefinition) -> Document:
    level = "None"
    if column.logical_name == table.primary_id or column.logical_name in _SYSTEM_REQUIRED:
        level = "SystemRequired"
    elif column.is_required or column.logical_name == "statuscode":
        level = "ApplicationRequired"
    return managed(level, "canmodifyrequirementlevelsettings")


def _typed_members(column: ColumnDefinition) -> Document:
    if column.type.is_text:
        return _text_members(column)
    if column.type.is_lookup:
        return {"Targets": list(column.targets), "Format": "None"}
    if column.type.is_number:
        return _numeric_members(column)
    if column.type is ColumnType.DATETIME:
        behavior = {"Value": column.date_behavior.value}
        return {"DateTimeBehavior": behavior, "Format": column.format or "DateAndTime"}
    if column.type in (ColumnType.BOOLEAN, ColumnType.PICKLIST):
        return {"DefaultValue": column.default, "DefaultFormValue": column.default}
    return {}


def _text_members(column: ColumnDefinition) -> Document:
    usual = "TextArea" if column.type is ColumnType.MEMO else "Text"
    members = {"MaxLength": column.max_length, "Format": column.format or usual}
    return {**members, "ImeMode": "Auto"}


def _numeric_members(column: ColumnDefinition) -> Document:
    match column.type:
        case ColumnType.INTEGER:
            return {**_range(column, int), "Format": column.format or "None"}
        case ColumnType.BIGINT:
            return {"MinValue": -(2**63), "MaxValue": 2**63 - 1}
        case ColumnType.MONEY:
            is_base = column.logical_name.endswith("_base")
            source = {"PrecisionSource": 0, "IsBaseCurrency": is_base}
            return {**_range(column, float), "Precision": column.precision, **source}
        case _:
            return {**_range(column, float), "Precision": column.precision}


def _range(column: ColumnDefinition, kind: type[int] | type[float]) -> Document:
    low, high = column.min_value, column.max_value
    return {
        "MinValue": kind(low) if low is not None else None,
        "MaxValue": kind(high) if high is not None else None,
    }


def option_set_document(table: TableDefinition, column: ColumnDefinition) -> Document | None:
    """The options of a choice, state, status or two-options column."""
    if not column.options:
        return None
    head = _option_set_head(table, column)
    options = [option_document(column, option) for option in column.options]
    if column.type is ColumnType.BOOLEAN:
        return {**head, "FalseOption": options[0], "TrueOption": options[1]}
    return {**head, "Options": options}


def _option_set_head(table: TableDefinition, column: ColumnDefinition) -> Document:
    name = f"{table.logical_name}_{column.logical_name}"
    return {
        "MetadataId": str(uuid5(ID_NAMESPACE, f"optionset/{name}")),
        "Name": name,
        "IsGlobal": False,
        "IsCustomOptionSet": False,
        "OptionSetType": _OPTION_SET_TYPES.get(column.type, "Picklist"),
        "DisplayName": label(column.display_name or column.schema_name),
    }


def option_document(column: ColumnDefinition, option: Option) -> Document:
    """One option; those of a status name their state, those of a state their default status."""
    if column.type is ColumnType.STATUS:
        kind = TYPE_PREFIX + "StatusOptionMetadata"
        return {"@odata.type": kind, **_plain_option(option), "State": option.state}
    if column.type is ColumnType.STATE:
        kind = TYPE_PREFIX + "StateOptionMetadata"
        own = {"DefaultStatus": option.default_status, "InvariantName": option.label}
        return {"@odata.type": kind, **_plain_option(option), **own}
    return _plain_option(option)


def _plain_option(option: Option) -> Document:
    texts = {"Label": label(option.label), "Description": label("")}
    return {"Value": option.value, **texts, "Color": None, "IsManaged": True, "ExternalValue": ""}


def key_document(table: TableDefinition, key: AlternateKey) -> Document:
    """One alternate key."""
    return {
        "MetadataId": str(uuid5(ID_NAMESPACE, f"key/{table.logical_name}/{key.logical_name}")),
        "LogicalName": key.logical_name,
        "SchemaName": key.logical_name,
        "EntityLogicalName": table.logical_name,
        "KeyAttributes": list(key.columns),
        "EntityKeyIndexStatus": "Active",
        "IsManaged": False,
        "DisplayName": label(key.logical_name),
    }


def many_to_one_document(catalog: Catalog, each: ManyToOne) -> Document:
    """One lookup relationship, the same from both sides."""
    metadata_id = uuid5(ID_NAMESPACE, f"relationship/{each.schema_name}/{each.referenced_table}")
    return {
        "@odata.type": TYPE_PREFIX + "OneToManyRelationshipMetadata",
        "MetadataId": str(metadata_id),
        "SchemaName": each.schema_name,
        "RelationshipType": "OneToManyRelationship",
        **_sides(each),
        "ReferencedEntitySetName": catalog.tables[each.referenced_table].entity_set,
        "IsHierarchical": each.referencing_table == each.referenced_table,
        "IsCustomRelationship": catalog.tables[each.referencing_table].is_custom,
        "IsManaged": True,
        "CascadeConfiguration": _cascade_configuration(each),
    }


def _sides(each: ManyToOne) -> Document:
    return {
        "ReferencingEntity": each.referencing_table,
        "ReferencingAttribute": each.referencing_column,
        "ReferencingEntityNavigationPropertyName": each.referencing_navigation,
        "ReferencedEntity": each.referenced_table,
        "ReferencedAttribute": each.referenced_column,
        "ReferencedEntityNavigationPropertyName": each.referenced_navigation,
    }


def _cascade_configuration(each: ManyToOne) -> Document:
    assign, delete = each.assign.value, each.delete.value
    document = {"Assign": assign, "Delete": delete, "Archive": "RemoveLink", "Merge": "NoCascade"}
    document |= dict.fromkeys(("Reparent", "Share", "Unshare"), assign)
    return {**document, "RollupView": "NoCascade"}


def many_to_many_document(each: ManyToMany) -> Document:
    """One relationship through an intersect table."""
    return {
        "@odata.type": TYPE_PREFIX + "ManyToManyRelationshipMetadata",
        "MetadataId": str(uuid5(ID_NAMESPACE, f"relationship/{each.schema_name}")),
        "SchemaName": each.schema_name,
        "RelationshipType": "ManyToManyRelationship",
        "IntersectEntityName": each.intersect_table,
        "Entity1LogicalName": each.table1,
        "Entity1IntersectAttribute": each.column1,
        "Entity1NavigationPropertyName": each.navigation1,
        "Entity2LogicalName": each.table2,
        "Entity2IntersectAttribute": each.column2,
        "Entity2NavigationPropertyName": each.navigation2,
        "IsCustomRelationship": False,
        "IsManaged": True,
    }
