"""The notation of the standard tables and its reader; the facts are in the sibling modules.

A table starts with `table NAME SET PRIMARY_ID PRIMARY_NAME [complete]`. The lines below it are

* `TYPE name name …` for plain columns,
* `TYPE name: 1 Label; 2 Label` for choices,
* `TYPE name > table table` for lookups: with one target the navigation property has its name,
  with several there is one `column_table` for each,
* `KIND navigation > table [column]` for other relationships,
* `include GROUP` for columns that many tables share.

A line that starts with `|` continues the one before.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.schema import Column, ColumnType, Relationship, RelationshipKind, TableSchema

NO_YES: Mapping[int, str] = {0: "No", 1: "Yes"}
NO_OPTIONS: Mapping[int, str] = {}

GROUPS: Mapping[str, str] = {
    "audit": """
        datetime createdon modifiedon overriddencreatedon
        lookup createdby > systemuser
        lookup createdonbehalfby > systemuser
        lookup modifiedby > systemuser
        lookup modifiedonbehalfby > systemuser
        bigint versionnumber
        integer importsequencenumber timezoneruleversionnumber utcconversiontimezonecode
    """,
    "owner": """
        owner ownerid > systemuser team
        lookup owningbusinessunit > businessunit
        lookup owningteam > team
        lookup owninguser > systemuser
    """,
    "process": """
        uniqueidentifier processid stageid
        string traversedpath
    """,
    "money": """
        decimal exchangerate
        lookup transactioncurrencyid > transactioncurrency
    """,
    "image": """
        uniqueidentifier entityimageid
        string entityimage_url
        bigint entityimage_timestamp
    """,
    "sla": """
        lookup slaid > sla
        lookup slainvokedid > sla
        datetime lastonholdtime
        integer onholdtime
    """,
    "address": """
        uniqueidentifier address{n}_addressid
        string address{n}_city address{n}_country address{n}_county address{n}_fax address{n}_line1
        string address{n}_line2 address{n}_line3 address{n}_name address{n}_postalcode
        string address{n}_postofficebox address{n}_stateorprovince address{n}_telephone1
        string address{n}_telephone2 address{n}_telephone3 address{n}_upszone
        memo address{n}_composite
        double address{n}_latitude address{n}_longitude
        integer address{n}_utcoffset
    """,
    "customer_address": """
        choice address{n}_addresstypecode: 1 Bill To; 2 Ship To; 3 Primary; 4 Other
        choice address{n}_freighttermscode: 1 FOB; 2 No Charge
        choice address{n}_shippingmethodcode: 1 Airborne; 2 DHL; 3 FedEx; 4 UPS; 5 Postal Mail; 6
        | Full Load; 7 Will Call
        string address{n}_primarycontactname
    """,
    "plain_address": """
        choice address{n}_addresstypecode: 1 Default Value
        choice address{n}_shippingmethodcode: 1 Default Value
    """,
    "industry": """
        choice industrycode: 1 Accounting; 2 Agriculture and Non-petrol Natural Resource
        | Extraction; 3 Broadcasting Printing and Publishing; 4 Brokers; 5 Building Supply Retail;
        | 6 Business Services; 7 Consulting; 8 Consumer Services; 9 Design, Direction and Creative
        | Management; 10 Distributors, Dispatchers and Processors; 11 Doctor's Offices and
        | Clinics; 12 Durable Manufacturing; 13 Eating and Drinking Places; 14 Entertainment
        | Retail; 15 Equipment Rental and Leasing; 16 Financial; 17 Food and Tobacco Processing;
        | 18 Inbound Capital Intensive Processing; 19 Inbound Repair and Services; 20 Insurance;
        | 21 Legal Services; 22 Non-Durable Merchandise Retail; 23 Outbound Consumer Service; 24
        | Petrochemical Extraction and Distribution; 25 Service Retail; 26 SIG Affiliations; 27
        | Social Services; 28 Special Outbound Trade Contractors; 29 Specialty Realty; 30
        | Transportation; 31 Utility Creation and Distribution; 32 Vehicle Retail; 33 Wholesale
    """,
    "contact_ways": """
        choice preferredcontactmethodcode: 1 Any; 2 Email; 3 Phone; 4 Fax; 5 Mail
        boolean donotbulkemail: 0 Allow; 1 Do Not Allow
        boolean donotemail: 0 Allow; 1 Do Not Allow
        boolean donotfax: 0 Allow; 1 Do Not Allow
        boolean donotphone: 0 Allow; 1 Do Not Allow
        boolean donotpostalmail: 0 Allow; 1 Do Not Allow
        boolean donotsendmm: 0 Send; 1 Do Not Send
        boolean followemail: 0 Do Not Allow; 1 Allow
    """,
}
"""Columns that several tables share; `address NUMBER` fills in the number."""


@dataclass(slots=True)
class _Draft:
    name: str
    entity_set: str
    primary_id: str
    primary_name: str | None
    is_complete: bool
    columns: dict[str, Column] = field(default_factory=dict[str, Column])
    relationships: dict[str, Relationship] = field(default_factory=dict[str, Relationship])

    def build(self) -> TableSchema:
        return TableSchema(
            name=self.name,
            entity_set=self.entity_set,
            primary_id=self.primary_id,
            primary_name=self.primary_name,
            columns=self.columns,
            relationships=self.relationships,
            is_complete=self.is_complete,
        )


def parse_tables(*texts: str) -> dict[str, TableSchema]:
    """Read the notation; raises ValueError for a line it does not know."""
    tables: dict[str, _Draft] = {}
    draft: _Draft | None = None
    for text in texts:
        for line in _lines_of(text):
            if line.startswith("table "):
                draft = _start_table(line.split()[1:])
                tables[draft.name] = draft
            elif draft is not None:
                _add_line(draft, line)
    return {name: table.build() for name, table in tables.items()}


def _lines_of(text: str) -> Iterator[str]:
    for line in re.sub(r"\n *\| ", " ", text).splitlines():
        if line.strip():
            yield line.strip()


def _start_table(words: list[str]) -> _Draft:
    name, entity_set, primary_id, primary_name, *flags = words
    draft = _Draft(
        name=name,
        entity_set=entity_set,
        primary_id=primary_id,
        primary_name=None if primary_name == "-" else primary_name,
        is_complete="complete" in flags,
    )
    draft.columns[primary_id] = Column(name=primary_id, type=ColumnType.UNIQUEIDENTIFIER)
    return draft


def _add_line(draft: _Draft, line: str) -> None:
    kind, _, rest = line.partition(" ")
    if kind == "include":
        group, _, number = rest.partition(" ")
        for included in _lines_of(GROUPS[group].replace("{n}", number)):
            _add_line(draft, included)
    elif kind in set(RelationshipKind):
        _add_relationship(draft, RelationshipKind(kind), rest)
    elif " > " in rest:
        _add_lookup(draft, ColumnType(kind), rest)
    elif ": " in rest:
        _add_choice(draft, ColumnType(kind), rest)
    else:
        _add_columns(draft, ColumnType(kind), rest.split())


def _add_columns(draft: _Draft, column_type: ColumnType, names: list[str]) -> None:
    options = NO_YES if column_type is ColumnType.BOOLEAN else NO_OPTIONS
    for name in names:
        draft.columns[name] = Column(name=name, type=column_type, options=options)


def _add_choice(draft: _Draft, column_type: ColumnType, rest: str) -> None:
    name, _, listed = rest.partition(": ")
    numbered = (option.partition(" ") for option in listed.split("; "))
    options = {int(number): label for number, _, label in numbered}
    draft.columns[name] = Column(name=name, type=column_type, options=options)


def _add_lookup(draft: _Draft, column_type: ColumnType, rest: str) -> None:
    name, _, listed = rest.partition(" > ")
    targets = tuple(listed.split())
    draft.columns[name] = Column(name=name, type=column_type, targets=targets)
    for target in () if column_type is ColumnType.OWNER else targets:
        navigation = name if len(targets) == 1 else f"{name}_{target}"
        _add_relationship(draft, RelationshipKind.MANY_TO_ONE, f"{navigation} > {target} {name}")


def _add_relationship(draft: _Draft, kind: RelationshipKind, rest: str) -> None:
    navigation, _, listed = rest.partition(" > ")
    table, *column = listed.split()
    draft.relationships[navigation] = Relationship(
        navigation=navigation, kind=kind, table=table, column=column[0] if column else None
    )
