"""Short builders for column definitions, so that the table modules read as lists of facts.

A column is named by its schema name; the logical name is the same in lower case.
"""

from dataclasses import replace

from connector.emulator.catalog.table_definition import (
    ColumnDefinition,
    ColumnType,
    DateBehavior,
    Option,
    TableDefinition,
)

MAX_INTEGER = 2_147_483_647
MAX_MONEY = 922_337_203_685_477.0


def _named(schema_name: str, column_type: ColumnType) -> ColumnDefinition:
    return ColumnDefinition(
        logical_name=schema_name.lower(),
        schema_name=schema_name,
        type=column_type,
        display_name=schema_name,
    )


def text(schema_name: str, length: int = 100, *, required: bool = False) -> ColumnDefinition:
    """A single line of text."""
    return replace(_named(schema_name, ColumnType.STRING), max_length=length, is_required=required)


def email(schema_name: str) -> ColumnDefinition:
    """An e-mail address."""
    return replace(text(schema_name), format="Email")


def web_address(schema_name: str, length: int = 200, *, required: bool = False) -> ColumnDefinition:
    """A URL."""
    return replace(text(schema_name, length, required=required), format="Url")


def memo(schema_name: str, length: int = 2000) -> ColumnDefinition:
    """Several lines of text."""
    return replace(_named(schema_name, ColumnType.MEMO), max_length=length)


def whole(
    schema_name: str, low: int = -MAX_INTEGER - 1, high: int = MAX_INTEGER
) -> ColumnDefinition:
    """A whole number."""
    return replace(_named(schema_name, ColumnType.INTEGER), min_value=low, max_value=high)


def bigint(schema_name: str) -> ColumnDefinition:
    """A 64-bit number."""
    return _named(schema_name, ColumnType.BIGINT)


def money(schema_name: str, low: float = 0, high: float = 1e12) -> ColumnDefinition:
    """An amount; four decimals on the wire."""
    column = _named(schema_name, ColumnType.MONEY)
    return replace(column, min_value=low, max_value=high, precision=2)


def base_money(schema_name: str) -> ColumnDefinition:
    """An amount in the base currency, kept by the server."""
    return replace(read_only(money(schema_name, -MAX_MONEY, MAX_MONEY)), precision=4)


def decimal(
    schema_name: str, low: float = 1e-10, high: float = 1e11, precision: int = 10
) -> ColumnDefinition:
    """An exact number with decimals."""
    column = _named(schema_name, ColumnType.DECIMAL)
    return replace(column, min_value=low, max_value=high, precision=precision)


def double(schema_name: str, low: float, high: float, precision: int = 5) -> ColumnDefinition:
    """A floating-point number."""
    column = _named(schema_name, ColumnType.DOUBLE)
    return replace(column, min_value=low, max_value=high, precision=precision)


def flag(
    schema_name: str, *, default: bool = False, no: str = "No", yes: str = "Yes"
) -> ColumnDefinition:
    """Two options."""
    column = _named(schema_name, ColumnType.BOOLEAN)
    return replace(column, default=default, options=(Option(0, no), Option(1, yes)))


def choice(
    schema_name: str, options: dict[int, str], *, default: int | None = None
) -> ColumnDefinition:
    """A choice by number."""
    column = _named(schema_name, ColumnType.PICKLIST)
    listed = tuple(Option(value, label) for value, label in options.items())
    return replace(column, options=listed, default=default)


def state(options: dict[int, tuple[str, int]]) -> ColumnDefinition:
    """The state; each with its label and default status."""
    listed = tuple(Option(value, label, None, status) for value, (label, status) in options.items())
    return replace(_named("StateCode", ColumnType.STATE), options=listed, default=listed[0].value)


def status(options: dict[int, tuple[str, int]]) -> ColumnDefinition:
    """The status reason; each with its label and the state it belongs to."""
    listed = tuple(Option(value, label, state) for value, (label, state) in options.items())
    return replace(_named("StatusCode", ColumnType.STATUS), options=listed)


def moment(schema_name: str, *, format: str = "DateAndTime") -> ColumnDefinition:  # noqa: A002  Dataverse's word
    """A point in time, shown in the user's zone."""
    return replace(_named(schema_name, ColumnType.DATETIME), format=format)


def wall_clock(schema_name: str) -> ColumnDefinition:
    """A date and time to which no zone applies."""
    column = _named(schema_name, ColumnType.DATETIME)
    return replace(column, date_behavior=DateBehavior.TIME_ZONE_INDEPENDENT)


def day(schema_name: str, *, required: bool = False) -> ColumnDefinition:
    """A date without time; Edm.Date."""
    column = replace(_named(schema_name, ColumnType.DATETIME), is_required=required)
    return replace(column, date_behavior=DateBehavior.DATE_ONLY, format="DateOnly")


def guid(schema_name: str) -> ColumnDefinition:
    """An identifier that is not a lookup."""
    return _named(schema_name, ColumnType.UNIQUEIDENTIFIER)


def lookup(
    schema_name: str, *targets: str, navigation: str | None = None, required: bool = False
) -> ColumnDefinition:
    """A reference to a row of one of the target tables."""
    column = _named(schema_name, ColumnType.LOOKUP)
    return replace(column, targets=targets, navigation=navigation, is_required=required)


def customer(schema_name: str) -> ColumnDefinition:
    """A reference to an account or a contact."""
    column = _named(schema_name, ColumnType.CUSTOMER)
    return replace(column, targets=("account", "contact"))


def read_only(column: ColumnDefinition) -> ColumnDefinition:
    """The same column, set by the server alone."""
    return replace(column, valid_for_create=False, valid_for_update=False)


def create_only(column: ColumnDefinition) -> ColumnDefinition:
    """The same column, settable only when the row is created."""
    return replace(column, valid_for_update=False)


def update_only(column: ColumnDefinition) -> ColumnDefinition:
    """The same column, settable only after the row was created."""
    return replace(column, valid_for_create=False)


def custom(column: ColumnDefinition) -> ColumnDefinition:
    """The same column, added by a customizer: its navigation property follows the schema name."""
    return replace(column, is_custom=True)


def primary_id(schema_name: str) -> ColumnDefinition:
    """The primary key."""
    return replace(create_only(guid(schema_name)), is_required=True)


def audit_columns() -> tuple[ColumnDefinition, ...]:
    """Who and when; the version."""
    return (
        read_only(moment("CreatedOn")),
        read_only(moment("ModifiedOn")),
        read_only(lookup("CreatedBy", "systemuser")),
        read_only(lookup("ModifiedBy", "systemuser")),
        read_only(lookup("CreatedOnBehalfBy", "systemuser")),
        read_only(lookup("ModifiedOnBehalfBy", "systemuser")),
        create_only(moment("OverriddenCreatedOn", format="DateOnly")),
        create_only(whole("ImportSequenceNumber")),
        read_only(bigint("VersionNumber")),
    )


def owner_columns() -> tuple[ColumnDefinition, ...]:
    """The owner and the columns the server keeps in step with it."""
    owner = replace(
        _named("OwnerId", ColumnType.OWNER), targets=("systemuser", "team"), is_required=True
    )
    return (
        owner,
        read_only(lookup("OwningUser", "systemuser")),
        read_only(lookup("OwningTeam", "team")),
        read_only(lookup("OwningBusinessUnit", "businessunit")),
    )


def organization_columns() -> tuple[ColumnDefinition, ...]:
    """The column of tables that belong to the organization."""
    return (read_only(lookup("OrganizationId", "organization")),)


def active_state(active: int = 1, inactive: int = 2) -> tuple[ColumnDefinition, ColumnDefinition]:
    """The usual pair: Active and Inactive with one status reason each."""
    return (
        state({0: ("Active", active), 1: ("Inactive", inactive)}),
        status({active: ("Active", 0), inactive: ("Inactive", 1)}),
    )


def address_columns(prefix: str) -> tuple[ColumnDefinition, ...]:
    """One of the addresses that leads, accounts, contacts and users carry."""
    return (
        choice(f"{prefix}_AddressTypeCode", {1: "Default Value"}),
        text(f"{prefix}_City", 80),
        read_only(memo(f"{prefix}_Composite", 1000)),
        text(f"{prefix}_Country", 80),
        text(f"{prefix}_County", 50),
        text(f"{prefix}_Fax", 50),
        double(f"{prefix}_Latitude", -90, 90),
        text(f"{prefix}_Line1", 250),
        text(f"{prefix}_Line2", 250),
        text(f"{prefix}_Line3", 250),
        double(f"{prefix}_Longitude", -180, 180),
        text(f"{prefix}_Name", 100),
        text(f"{prefix}_PostalCode", 20),
        text(f"{prefix}_StateOrProvince", 50),
        text(f"{prefix}_Telephone1", 50),
        replace(whole(f"{prefix}_UTCOffset", -1500, 1500), format="TimeZone"),
    )


def intersect(name: str, entity_set: str, code: int, first: str, second: str) -> TableDefinition:
    """A table whose rows tie the rows of two others."""
    return TableDefinition(
        logical_name=name.lower(),
        schema_name=name,
        entity_set=entity_set,
        primary_id=f"{name.lower()}id",
        primary_name=None,
        object_type_code=code,
        ownership="None",
        is_intersect=True,
        optimistic_concurrency=False,
        columns=(
            primary_id(f"{name}Id"),
            replace(guid(first), valid_for_update=False),
            replace(guid(second), valid_for_update=False),
            read_only(bigint("VersionNumber")),
        ),
    )
