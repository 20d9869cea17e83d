"""Tables by which a program asks to be called when rows change: endpoints, steps, their images."""

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.catalog.tables.columns import (
    audit_columns,
    choice,
    flag,
    lookup,
    memo,
    organization_columns,
    primary_id,
    state,
    status,
    text,
    web_address,
    whole,
)

WEBHOOK_CONTRACT = 8
WEBHOOK_KEY, HTTP_HEADER, HTTP_QUERY_STRING = 4, 5, 6

SERVICE_ENDPOINT = TableDefinition(
    logical_name="serviceendpoint",
    schema_name="ServiceEndpoint",
    entity_set="serviceendpoints",
    primary_id="serviceendpointid",
    primary_name="name",
    object_type_code=4618,
    ownership="OrganizationOwned",
    display_name="Service Endpoint",
    display_collection_name="Service Endpoints",
    change_tracking=False,
    columns=(
        primary_id("ServiceEndpointId"),
        text("Name", 160),
        memo("Description"),
        choice(
            "Contract",
            {
                1: "OneWay",
                2: "Queue",
                3: "Rest",
                4: "TwoWay",
                5: "Topic",
                6: "Queue (Persistent)",
                7: "Event Hub",
                WEBHOOK_CONTRACT: "Webhook",
            },
            default=WEBHOOK_CONTRACT,
        ),
        choice(
            "AuthType",
            {
                0: "Not Specified",
                1: "ACS",
                2: "SAS Key",
                3: "SAS Token",
                WEBHOOK_KEY: "Webhook Key",
                HTTP_HEADER: "Http Header",
                HTTP_QUERY_STRING: "Http Query String",
            },
            default=HTTP_HEADER,
        ),
        memo("AuthValue"),
        web_address("Url", 2000, required=True),
        choice("MessageFormat", {1: "Binary XML", 2: "Json", 3: "Text XML"}, default=2),
        *organization_columns(),
        *audit_columns(),
    ),
)

PROCESSING_STEP = TableDefinition(
    logical_name="sdkmessageprocessingstep",
    schema_name="SdkMessageProcessingStep",
    entity_set="sdkmessageprocessingsteps",
    primary_id="sdkmessageprocessingstepid",
    primary_name="name",
    object_type_code=4608,
    ownership="OrganizationOwned",
    display_name="Sdk Message Processing Step",
    display_collection_name="Sdk Message Processing Steps",
    change_tracking=False,
    columns=(
        primary_id("SdkMessageProcessingStepId"),
        text("Name", 256),
        memo("Description"),
        lookup("SdkMessageId", "sdkmessage"),
        lookup("SdkMessageFilterId", "sdkmessagefilter"),
        lookup("EventHandler", "serviceendpoint", navigation="eventhandler_serviceendpoint"),
        memo("FilteringAttributes", 100_000),
        memo("Configuration", 1_073_741_823),
        choice(
            "Stage",
            {10: "Pre-validation", 20: "Pre-operation", 40: "Post-operation"},
            default=40,
        ),
        choice("Mode", {0: "Synchronous", 1: "Asynchronous"}, default=1),
        choice("SupportedDeployment", {0: "Server Only"}, default=0),
        whole("Rank"),
        flag("AsyncAutoDelete"),
        state({0: ("Enabled", 1), 1: ("Disabled", 2)}),
        status({1: ("Enabled", 0), 2: ("Disabled", 1)}),
        *organization_columns(),
        *audit_columns(),
    ),
)

PROCESSING_STEP_IMAGE = TableDefinition(
    logical_name="sdkmessageprocessingstepimage",
    schema_name="SdkMessageProcessingStepImage",
    entity_set="sdkmessageprocessingstepimages",
    primary_id="sdkmessageprocessingstepimageid",
    primary_name="name",
    object_type_code=4615,
    ownership="OrganizationOwned",
    display_name="Sdk Message Processing Step Image",
    display_collection_name="Sdk Message Processing Step Images",
    change_tracking=False,
    columns=(
        primary_id("SdkMessageProcessingStepImageId"),
        text("Name", 256),
        text("EntityAlias", 256),
        text("MessagePropertyName", 256),
        memo("Attributes", 100_000),
        choice("ImageType", {0: "PreImage", 1: "PostImage", 2: "Both"}, default=1),
        lookup("SdkMessageProcessingStepId", "sdkmessageprocessingstep"),
        *organization_columns(),
        *audit_columns(),
    ),
)

TABLES = (SERVICE_ENDPOINT, PROCESSING_STEP, PROCESSING_STEP_IMAGE)
