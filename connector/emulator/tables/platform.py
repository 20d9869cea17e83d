"""Tables of the platform: working hours, jobs, and the list of messages each table supports."""

from connector.emulator.metadata import TableDefinition
from connector.emulator.tables.columns import (
    audit_columns,
    choice,
    flag,
    lookup,
    memo,
    moment,
    organization_columns,
    owner_columns,
    primary_id,
    state,
    status,
    text,
    wall_clock,
    whole,
)

EXTENDED_USER_SETTING = TableDefinition(
    logical_name="msdyn_extendedusersetting",
    schema_name="msdyn_extendedusersetting",
    entity_set="msdyn_extendedusersettings",
    primary_id="msdyn_extendedusersettingid",
    primary_name="msdyn_name",
    object_type_code=10630,
    display_name="Extended User Setting",
    display_collection_name="Extended User Settings",
    columns=(
        primary_id("msdyn_extendedusersettingId"),
        text("msdyn_name"),
        text("msdyn_userid", 100),
        text("msdyn_calendarid", 100),
        *owner_columns(),
        *audit_columns(),
    ),
)

CALENDAR = TableDefinition(
    logical_name="calendar",
    schema_name="Calendar",
    entity_set="calendars",
    primary_id="calendarid",
    primary_name="name",
    object_type_code=4003,
    ownership="BusinessOwned",
    display_name="Calendar",
    display_collection_name="Calendars",
    change_tracking=False,
    columns=(
        primary_id("CalendarId"),
        text("Name", 160),
        memo("Description"),
        choice(
            "Type",
            {0: "Default", 1: "Customer Service", 2: "Holiday Schedule", -1: "Inner Calendar type"},
            default=0,
        ),
        flag("IsShared"),
        lookup("BusinessUnitId", "businessunit"),
        lookup("PrimaryUserId", "systemuser"),
        lookup("HolidayScheduleCalendarId", "calendar"),
        *organization_columns(),
        *audit_columns(),
    ),
)

CALENDAR_RULE = TableDefinition(
    logical_name="calendarrule",
    schema_name="CalendarRule",
    entity_set="calendarrules",
    primary_id="calendarruleid",
    primary_name="name",
    object_type_code=4004,
    ownership="None",
    display_name="Calendar Rule",
    display_collection_name="Calendar Rules",
    change_tracking=False,
    columns=(
        primary_id("CalendarRuleId"),
        text("Name", 160),
        memo("Description"),
        lookup("CalendarId", "calendar"),
        lookup("InnerCalendarId", "calendar"),
        text("Pattern", 500),
        moment("StartTime"),
        moment("EffectiveIntervalStart"),
        moment("EffectiveIntervalEnd"),
        wall_clock("EndTime"),
        whole("Duration", 0),
        whole("Offset", 0),
        whole("Rank", 0),
        whole("TimeCode", 0),
        whole("SubCode", 0),
        whole("TimeZoneCode", -1),
        whole("ExtentCode", 0),
        whole("Effort", 0),
        flag("IsSelected"),
        flag("IsSimple"),
        flag("IsVaried"),
        *audit_columns(),
    ),
)

MESSAGE = TableDefinition(
    logical_name="sdkmessage",
    schema_name="SdkMessage",
    entity_set="sdkmessages",
    primary_id="sdkmessageid",
    primary_name="name",
    object_type_code=4606,
    ownership="OrganizationOwned",
    display_name="Sdk Message",
    display_collection_name="Sdk Messages",
    change_tracking=False,
    columns=(primary_id("SdkMessageId"), text("Name", 256), *audit_columns()),
)

MESSAGE_FILTER = TableDefinition(
    logical_name="sdkmessagefilter",
    schema_name="SdkMessageFilter",
    entity_set="sdkmessagefilters",
    primary_id="sdkmessagefilterid",
    primary_name="name",
    object_type_code=4607,
    ownership="OrganizationOwned",
    display_name="Sdk Message Filter",
    display_collection_name="Sdk Message Filters",
    change_tracking=False,
    columns=(
        primary_id("SdkMessageFilterId"),
        text("Name", 256),
        text("PrimaryObjectTypeCode", 128),
        text("SecondaryObjectTypeCode", 128),
        whole("Availability", 0),
        lookup("SdkMessageId", "sdkmessage"),
        *audit_columns(),
    ),
)

JOB_STATE = state(
    {0: ("Ready", 0), 1: ("Suspended", 10), 2: ("Locked", 20), 3: ("Completed", 30)}
)
JOB_STATUS = status(
    {
        0: ("Waiting For Resources", 0),
        10: ("Waiting", 1),
        20: ("In Progress", 2),
        21: ("Pausing", 2),
        22: ("Canceling", 2),
        30: ("Succeeded", 3),
        31: ("Failed", 3),
        32: ("Canceled", 3),
    }
)

ASYNC_OPERATION = TableDefinition(
    logical_name="asyncoperation",
    schema_name="AsyncOperation",
    entity_set="asyncoperations",
    primary_id="asyncoperationid",
    primary_name="name",
    object_type_code=4700,
    display_name="System Job",
    display_collection_name="System Jobs",
    change_tracking=False,
    columns=(
        primary_id("AsyncOperationId"),
        text("Name", 256),
        choice("OperationType", {1: "System Event", 10: "Workflow", 13: "Bulk Delete"}),
        text("PrimaryEntityType", 160),
        memo("Message", 1_073_741_823),
        memo("FriendlyMessage", 1_073_741_823),
        whole("ErrorCode"),
        whole("RetryCount", 0),
        moment("PostponeUntil"),
        moment("StartedOn"),
        moment("CompletedOn"),
        JOB_STATE,
        JOB_STATUS,
        *owner_columns(),
        *audit_columns(),
    ),
)

BULK_DELETE_OPERATION = TableDefinition(
    logical_name="bulkdeleteoperation",
    schema_name="BulkDeleteOperation",
    entity_set="bulkdeleteoperations",
    primary_id="bulkdeleteoperationid",
    primary_name="name",
    object_type_code=4424,
    display_name="Bulk Delete Operation",
    display_collection_name="Bulk Delete Operations",
    change_tracking=False,
    columns=(
        primary_id("BulkDeleteOperationId"),
        text("Name", 256),
        lookup("AsyncOperationId", "asyncoperation"),
        whole("SuccessCount", 0),
        whole("FailureCount", 0),
        flag("IsRecurring"),
        moment("NextRun"),
        JOB_STATE,
        JOB_STATUS,
        *owner_columns(),
        *audit_columns(),
    ),
)

TABLES = (
    EXTENDED_USER_SETTING,
    CALENDAR,
    CALENDAR_RULE,
    MESSAGE,
    MESSAGE_FILTER,
    ASYNC_OPERATION,
    BULK_DELETE_OPERATION,
)
