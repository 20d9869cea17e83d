"""The catalog of standard tables, with the relationships that have names of their own."""

from dataclasses import replace

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.relationships import (
    Cascade,
    ManyToMany,
    ManyToOne,
    derive_relationships,
)
from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    TableDefinition,
)
from connector.emulator.catalog.tables import (
    assignment,
    customers,
    events,
    people,
    platform,
    products,
    sales,
    sequences,
)

ALL_TABLES = (
    *sales.TABLES,
    *products.TABLES,
    *customers.TABLES,
    *people.TABLES,
    *assignment.TABLES,
    *sequences.TABLES,
    *platform.TABLES,
    *events.TABLES,
)

_LEAD_NAMES = {
    ("campaignid", "campaign"): "campaign_leads",
    ("ownerid", "systemuser"): "owner_leads",
    ("ownerid", "team"): "owner_leads",
    ("owninguser", "systemuser"): "lead_owning_user",
    ("owningteam", "team"): "lead_owning_team",
    ("owningbusinessunit", "businessunit"): "business_unit_leads",
    ("customerid", "account"): "lead_customer_accounts",
    ("customerid", "contact"): "lead_customer_contacts",
    ("parentaccountid", "account"): "lead_parent_account",
    ("parentcontactid", "contact"): "lead_parent_contact",
    ("transactioncurrencyid", "transactioncurrency"): "transactioncurrency_lead",
    ("msdyn_segmentid", "msdyn_segment"): "msdyn_msdyn_segment_lead",
    ("createdby", "systemuser"): "lk_leadbase_createdby",
    ("modifiedby", "systemuser"): "lk_leadbase_modifiedby",
    ("createdonbehalfby", "systemuser"): "lk_lead_createdonbehalfby",
    ("modifiedonbehalfby", "systemuser"): "lk_lead_modifiedonbehalfby",
    ("masterid", "lead"): "lead_master_lead",
    ("qualifyingopportunityid", "opportunity"): "lead_qualifying_opportunity",
}
_OPPORTUNITY_NAMES = {
    ("campaignid", "campaign"): "campaign_opportunities",
    ("ownerid", "systemuser"): "owner_opportunitys",
    ("ownerid", "team"): "owner_opportunitys",
    ("owninguser", "systemuser"): "opportunity_owning_user",
    ("owningteam", "team"): "opportunity_owning_team",
    ("owningbusinessunit", "businessunit"): "business_unit_opportunities",
    ("customerid", "account"): "opportunity_customer_accounts",
    ("customerid", "contact"): "opportunity_customer_contacts",
    ("parentaccountid", "account"): "opportunity_parent_account",
    ("parentcontactid", "contact"): "opportunity_parent_contact",
    ("originatingleadid", "lead"): "opportunity_originating_lead",
    ("transactioncurrencyid", "transactioncurrency"): "transactioncurrency_opportunity",
    ("msdyn_segmentid", "msdyn_segment"): "msdyn_msdyn_segment_opportunity",
    ("createdby", "systemuser"): "lk_opportunitybase_createdby",
    ("modifiedby", "systemuser"): "lk_opportunitybase_modifiedby",
    ("pricelevelid", "pricelevel"): "price_level_opportunties",
}
_OTHER_NAMES = {
    ("account", "parentaccountid", "account"): "account_parent_account",
    ("account", "primarycontactid", "contact"): "account_primary_contact",
    ("account", "originatingleadid", "lead"): "account_originating_lead",
    ("contact", "parentcustomerid", "account"): "contact_customer_accounts",
    ("contact", "parentcustomerid", "contact"): "contact_customer_contacts",
    ("contact", "originatingleadid", "lead"): "contact_originating_lead",
    ("systemuser", "parentsystemuserid", "systemuser"): "user_parent_user",
    ("systemuser", "businessunitid", "businessunit"): "business_unit_system_users",
    ("team", "businessunitid", "businessunit"): "business_unit_teams",
    ("businessunit", "parentbusinessunitid", "businessunit"): "business_unit_parent_business_unit",
    ("queueitem", "queueid", "queue"): "queue_entries",
    ("calendarrule", "calendarid", "calendar"): "calendar_calendar_rules",
    ("calendarrule", "innercalendarid", "calendar"): "inner_calendar_calendar_rules",
    ("sdkmessagefilter", "sdkmessageid", "sdkmessage"): "sdkmessageid_sdkmessagefilter",
    (
        "sdkmessageprocessingstepimage",
        "sdkmessageprocessingstepid",
        "sdkmessageprocessingstep",
    ): "sdkmessageprocessingstepid_sdkmessageprocessingstepimage",
    ("opportunityclose", "opportunityid", "opportunity"): "Opportunity_OpportunityClose",
    ("opportunityproduct", "opportunityid", "opportunity"): "product_opportunities",
    ("opportunityproduct", "productid", "product"): "opportunity_products",
    **{
        (
            "msdyn_sequencetarget",
            "msdyn_target",
            target,
        ): f"msdyn_sequencetarget_{target}_msdyn_target"
        for target in ("account", "contact", "lead", "opportunity")
    },
    **{
        ("msdyn_salesroutingrun", "msdyn_targetobject", target): (
            f"msdyn_{target}_msdyn_salesroutingrun_targetobject"
        )
        for target in ("lead", "opportunity")
    },
}
RELATIONSHIP_NAMES = {
    **{("lead", column, target): name for (column, target), name in _LEAD_NAMES.items()},
    **{
        ("opportunity", column, target): name
        for (column, target), name in _OPPORTUNITY_NAMES.items()
    },
    **_OTHER_NAMES,
}
_DELETE_CASCADES = {
    ("msdyn_assignmentrule", "msdyn_segmentid", "msdyn_segment"),
    ("msdyn_attributevalue", "msdyn_parentattribute", "msdyn_attribute"),
    ("msdyn_sequencetargetstep", "msdyn_sequencetarget", "msdyn_sequencetarget"),
    ("calendarrule", "calendarid", "calendar"),
    ("queueitem", "queueid", "queue"),
    ("sdkmessageprocessingstep", "eventhandler", "serviceendpoint"),
    (
        "sdkmessageprocessingstepimage",
        "sdkmessageprocessingstepid",
        "sdkmessageprocessingstep",
    ),
    ("opportunityclose", "opportunityid", "opportunity"),
    ("opportunityproduct", "opportunityid", "opportunity"),
    ("contact", "parentcustomerid", "account"),
    ("contact", "parentcustomerid", "contact"),
}
_ASSIGN_CASCADES = {
    ("msdyn_sequencetargetstep", "msdyn_sequencetarget", "msdyn_sequencetarget"),
    ("contact", "parentcustomerid", "account"),
    ("contact", "parentcustomerid", "contact"),
}
_BOTH = {
    ("lead", "customerid", "account"),
    ("lead", "customerid", "contact"),
    ("opportunity", "customerid", "account"),
    ("opportunity", "customerid", "contact"),
}
_MANY_TO_MANY = (
    ManyToMany(
        schema_name="teammembership_association",
        intersect_table="teammembership",
        table1="team",
        column1="teamid",
        navigation1="teammembership_association",
        table2="systemuser",
        column2="systemuserid",
        navigation2="teammembership_association",
    ),
    ManyToMany(
        schema_name="systemuserroles_association",
        intersect_table="systemuserroles",
        table1="systemuser",
        column1="systemuserid",
        navigation1="systemuserroles_association",
        table2="role",
        column2="roleid",
        navigation2="systemuserroles_association",
    ),
    ManyToMany(
        schema_name="teamroles_association",
        intersect_table="teamroles",
        table1="team",
        column1="teamid",
        navigation1="teamroles_association",
        table2="role",
        column2="roleid",
        navigation2="teamroles_association",
    ),
    ManyToMany(
        schema_name="msdyn_msdyn_attributevalue_systemuser",
        intersect_table="msdyn_msdyn_attributevalue_systemuser",
        table1="msdyn_attributevalue",
        column1="msdyn_attributevalueid",
        navigation1="msdyn_msdyn_attributevalue_systemuser",
        table2="systemuser",
        column2="systemuserid",
        navigation2="msdyn_msdyn_attributevalue_systemuser",
    ),
)
_NAMELESS = frozenset({"owninguser", "owningteam", "masterid"})


def standard_catalog() -> Catalog:
    """A fresh catalog of every standard table; tests may change theirs."""
    tables = {table.logical_name: _with_name_columns(table) for table in ALL_TABLES}
    relationships = [_finished(each) for each in derive_relationships(tables.values(), tables)]
    return Catalog(tables=tables, many_to_one=relationships, many_to_many=list(_MANY_TO_MANY))


def _with_name_columns(table: TableDefinition) -> TableDefinition:
    extra = [
        ColumnDefinition(
            logical_name=f"{column.logical_name}name",
            schema_name=f"{column.schema_name}Name",
            type=ColumnType.STRING,
            max_length=_name_length(column),
            attribute_of=column.logical_name,
            valid_for_create=False,
            valid_for_update=False,
        )
        for column in table.columns
        if column.type.is_lookup and column.logical_name not in _NAMELESS
    ]
    return replace(table, columns=(*table.columns, *extra))


def _name_length(column: ColumnDefinition) -> int:
    is_long = column.type is ColumnType.CUSTOMER or column.logical_name == "owningbusinessunit"
    return 160 if is_long else 100


def _finished(each: ManyToOne) -> ManyToOne:
    key = (each.referencing_table, each.referencing_column, each.referenced_table)
    name = RELATIONSHIP_NAMES.get(key, each.schema_name)
    return replace(
        each,
        schema_name=name,
        referenced_navigation=name,
        assign=Cascade.CASCADE if key in _BOTH | _ASSIGN_CASCADES else Cascade.NO_CASCADE,
        delete=Cascade.CASCADE if key in _BOTH | _DELETE_CASCADES else Cascade.REMOVE_LINK,
    )
