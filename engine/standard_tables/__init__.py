"""Facts of Dataverse's standard tables that rules are checked against when no tenant is asked.

Names, types, choice values and lookup targets follow the table reference of Dataverse and of
Dynamics 365 Sales. A tenant's own description of its tables is read elsewhere and replaces these.
"""

from engine.schema import Schema
from engine.standard_tables import (
    accounts,
    contacts,
    insights,
    leads,
    opportunities,
    organization,
    people,
)
from engine.standard_tables.notation import parse_tables

STANDARD_TABLES: Schema = parse_tables(
    leads.TEXT,
    opportunities.TEXT,
    accounts.TEXT,
    contacts.TEXT,
    insights.TEXT,
    people.TEXT,
    organization.TEXT,
)
"""The standard tables by logical name."""
