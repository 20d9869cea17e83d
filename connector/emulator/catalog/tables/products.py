"""Tables of what is sold: product, price list, and the products of an opportunity."""

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.catalog.tables.columns import (
    MAX_MONEY,
    active_state,
    audit_columns,
    decimal,
    flag,
    lookup,
    memo,
    moment,
    money,
    primary_id,
    read_only,
    state,
    status,
    text,
    whole,
)

PRODUCT = TableDefinition(
    logical_name="product",
    schema_name="Product",
    entity_set="products",
    primary_id="productid",
    primary_name="name",
    object_type_code=1024,
    ownership="OrganizationOwned",
    display_name="Product",
    display_collection_name="Products",
    columns=(
        primary_id("ProductId"),
        text("Name", required=True),
        text("ProductNumber", 100),
        memo("Description"),
        money("Price"),
        money("StandardCost"),
        lookup("TransactionCurrencyId", "transactioncurrency"),
        state({0: ("Active", 1), 1: ("Retired", 2), 2: ("Draft", 0), 3: ("Under Revision", 3)}),
        status({1: ("Active", 0), 2: ("Retired", 1), 0: ("Draft", 2), 3: ("Under Revision", 3)}),
        *audit_columns(),
    ),
)

PRICE_LEVEL = TableDefinition(
    logical_name="pricelevel",
    schema_name="PriceLevel",
    entity_set="pricelevels",
    primary_id="pricelevelid",
    primary_name="name",
    object_type_code=1022,
    ownership="OrganizationOwned",
    display_name="Price List",
    display_collection_name="Price Lists",
    columns=(
        primary_id("PriceLevelId"),
        text("Name", required=True),
        lookup("TransactionCurrencyId", "transactioncurrency"),
        *active_state(100001, 100002),
        *audit_columns(),
    ),
)

OPPORTUNITY_PRODUCT = TableDefinition(
    logical_name="opportunityproduct",
    schema_name="OpportunityProduct",
    entity_set="opportunityproducts",
    primary_id="opportunityproductid",
    primary_name="opportunityproductname",
    object_type_code=1083,
    ownership="None",
    display_name="Opportunity Product",
    display_collection_name="Opportunity Products",
    columns=(
        primary_id("OpportunityProductId"),
        text("OpportunityProductName", 500),
        text("ProductName", 500),
        memo("ProductDescription"),
        memo("Description"),
        lookup("OpportunityId", "opportunity", required=True),
        lookup("ProductId", "product"),
        decimal("Quantity", -100_000_000_000, 100_000_000_000, 5),
        money("PricePerUnit", -MAX_MONEY, MAX_MONEY),
        money("ManualDiscountAmount", -MAX_MONEY, MAX_MONEY),
        money("Tax", -MAX_MONEY, MAX_MONEY),
        read_only(money("BaseAmount", -MAX_MONEY, MAX_MONEY)),
        read_only(money("ExtendedAmount", -MAX_MONEY, MAX_MONEY)),
        flag("IsPriceOverridden", no="Use Default", yes="Override Price"),
        flag("IsProductOverridden", no="Existing", yes="Write-In"),
        whole("LineItemNumber"),
        moment("RequestDeliveryBy", format="DateOnly"),
        lookup("TransactionCurrencyId", "transactioncurrency"),
        *audit_columns(),
    ),
)

TABLES = (PRODUCT, PRICE_LEVEL, OPPORTUNITY_PRODUCT)
