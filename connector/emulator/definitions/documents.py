"""Tables, columns, choices, keys and relationships as the metadata part of the Web API shows them.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api
Selecting and filtering is in `reads`.
"""

from typing import Any
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

Document = dict[str, Any]
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


def label(text: str) -> Document:
    """A label in the organization's one language."""
    shown = {
        "Label": text,
        "LanguageCode": LANGUAGE,
        "IsManaged": True,
        "MetadataId": str(uuid5(ID_NAMESPACE, f"label/{text}")),
        "HasChanged": None,
    }
    return {"LocalizedLabels": [shown], "UserLocalizedLabel": shown}


def managed(value: Any, name: str) -> Document:
    """A managed property."""
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": name}


def table_document(table: TableDefinition) -> Document:
    """One EntityMetadata, without its collections."""
    collection = table.display_collection_name or f"{table.display_name}s"
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
        "DisplayName": label(table.display_name or table.schema_name),
        "DisplayCollectionName": label(collection),
        "Description": label(table.display_name or table.schema_name),
        "ChangeTrackingEnabled": table.change_tracking,
        "CanChangeTrackingBeEnabled": managed(
            table.change_tracking or table.is_custom, "canchangetrackingbeenabled"
        ),
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
        "HasNotes": False,
        "HasActivities": False,
        "DataProviderId": None,
        "HasChanged": None,
    }


def column_document(table: TableDefinition, column: ColumnDefinition) -> Document:
    """One AttributeMetadata with the members its own type adds, choices left out."""
    document: Document = {
        "@odata.type": TYPE_PREFIX + _ATTRIBUTE_CLASSES[column.type],
        "MetadataId": column_id(table, column),
        "LogicalName": column.logical_name,
        "SchemaName": column.schema_name,
        "EntityLogicalName": table.logical_name,
        "AttributeType": _attribute_type(column),
        "AttributeTypeName": {"Value": f"{column.type.value}Type"},
        "AttributeOf": column.attribute_of,
        "ColumnNumber": table.columns.index(column) + 1,
        "DisplayName": label(column.display_name or column.schema_name),
        "Description": label(column.display_name or column.schema_name),
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
    document.update(_typed_members(column))
    return document


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
        usual = "TextArea" if column.type is ColumnType.MEMO else "Text"
        told = column.format or usual
        return {"MaxLength": column.max_length, "Format": told, "ImeMode": "Auto"}
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
    name = f"{table.logical_name}_{column.logical_name}"
    document: Document = {
        "MetadataId": str(uuid5(ID_NAMESPACE, f"optionset/{name}")),
        "Name": name,
        "IsGlobal": False,
        "IsCustomOptionSet": False,
        "OptionSetType": _option_set_type(column),
        "DisplayName": label(column.display_name or column.schema_name),
    }
    options = [option_document(column, option) for option in column.options]
    if column.type is ColumnType.BOOLEAN:
        return {**document, "FalseOption": options[0], "TrueOption": options[1]}
    return {**document, "Options": options}


def _option_set_type(column: ColumnDefinition) -> str:
    known = {ColumnType.STATE: "State", ColumnType.STATUS: "Status", ColumnType.BOOLEAN: "Boolean"}
    return known.get(column.type, "Picklist")


def option_document(column: ColumnDefinition, option: Option) -> Document:
    """One option; those of a status name their state, those of a state their default status."""
    document: Document = {
        "Value": option.value,
        "Label": label(option.label),
        "Description": label(""),
        "Color": None,
        "IsManaged": True,
        "ExternalValue": "",
    }
    if column.type is ColumnType.STATUS:
        kind = TYPE_PREFIX + "StatusOptionMetadata"
        document = {"@odata.type": kind, **document, "State": option.state}
    if column.type is ColumnType.STATE:
        document = {
            "@odata.type": TYPE_PREFIX + "StateOptionMetadata",
            **document,
            "DefaultStatus": option.default_status,
            "InvariantName": option.label,
        }
    return document


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
    referencing = catalog.tables[each.referencing_table]
    referenced = catalog.tables[each.referenced_table]
    return {
        "@odata.type": TYPE_PREFIX + "OneToManyRelationshipMetadata",
        "MetadataId": str(
            uuid5(ID_NAMESPACE, f"relationship/{each.schema_name}/{each.referenced_table}")
        ),
        "SchemaName": each.schema_name,
        "RelationshipType": "OneToManyRelationship",
        "ReferencingEntity": each.referencing_table,
        "ReferencingAttribute": each.referencing_column,
        "ReferencingEntityNavigationPropertyName": each.referencing_navigation,
        "ReferencedEntity": each.referenced_table,
        "ReferencedAttribute": each.referenced_column,
        "ReferencedEntityNavigationPropertyName": each.referenced_navigation,
        "ReferencedEntitySetName": referenced.entity_set,
        "IsHierarchical": each.referencing_table == each.referenced_table,
        "IsCustomRelationship": referencing.is_custom,
        "IsManaged": True,
        "CascadeConfiguration": {
            "Assign": each.assign.value,
            "Delete": each.delete.value,
            "Archive": "RemoveLink",
            "Merge": "NoCascade",
            "Reparent": each.assign.value,
            "Share": each.assign.value,
            "Unshare": each.assign.value,
            "RollupView": "NoCascade",
        },
    }


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
