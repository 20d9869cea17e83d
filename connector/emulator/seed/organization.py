"""Fills an organization with a sales company: fixed rows, then people, customers and pipeline.

Everything is drawn from the seed and dated relative to the clock's start; nothing reads files.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.dice import Dice
from connector.emulator.organization.organization import (
    ADMINISTRATOR_ROLE_ID,
    BASE_CURRENCY_ID,
    CLIENT_ID,
    CONNECTOR_USER_ID,
    MANAGER_ROLE_ID,
    ORGANIZATION_ID,
    ROOT_UNIT_ID,
    SALESPERSON_ROLE_ID,
    SYSTEM_USER_ID,
    Organization,
    fixed_id,
)
from connector.emulator.seed.assignment import seed_assignment_tables
from connector.emulator.seed.names import CURRENCIES, UNITS
from connector.emulator.seed.people import seed_people
from connector.emulator.seed.pipeline import seed_pipeline
from connector.emulator.seed.rows import SeedRows
from connector.emulator.storage.database import StoredRow


@dataclass(frozen=True, slots=True)
class SeedSize:
    """How many rows the seed makes."""

    sellers: int = 25
    leads: int = 500
    opportunities: int = 200
    insights: int = 50


def seed_organization(
    organization: Organization, seed: int, size: SeedSize, loaded: frozenset[str]
) -> None:
    """Make every table that was not loaded from files.

    When users were loaded they keep their company: no people are invented, and those without a role
    get the salesperson's, as nobody without one may own rows.
    """
    rows = SeedRows(organization, Dice(seed, "seed"), loaded)
    _seed_platform(rows, organization.clock.now())
    people = seed_people(rows, size.sellers)
    seed_pipeline(rows, people, size.leads, size.opportunities, size.insights)
    seed_assignment_tables(rows, people)
    rows.give_roles_to_loaded_people()


_ROLES = {
    ADMINISTRATOR_ROLE_ID: "System Administrator",
    MANAGER_ROLE_ID: "Sales Manager",
    SALESPERSON_ROLE_ID: "Salesperson",
}
_SERVICE_USERS: tuple[StoredRow, ...] = (
    {
        "systemuserid": SYSTEM_USER_ID,
        "lastname": "SYSTEM",
        "fullname": "SYSTEM",
        "accessmode": 3,
        "isintegrationuser": 1,
    },
    {
        "systemuserid": CONNECTOR_USER_ID,
        "firstname": "#",
        "lastname": "Leadrobin",
        "fullname": "# Leadrobin",
        "applicationid": CLIENT_ID,
        "azureactivedirectoryobjectid": fixed_id("aad/connector"),
        "accessmode": 4,
        "isintegrationuser": 1,
    },
)
_ORGANIZATION: StoredRow = {
    "organizationid": ORGANIZATION_ID,
    "name": "Emulated",
    "expirechangetrackingindays": 7,
    "expiresubscriptionsindays": 90,
    "languagecode": 1033,
    "weekstartdaycode": 0,
    "isauditenabled": 0,
    "basecurrencyid": BASE_CURRENCY_ID,
}
_MESSAGES = ("Create", "Update", "Delete", "CreateMultiple", "UpdateMultiple", "UpsertMultiple")


def _seed_platform(rows: SeedRows, now: datetime) -> None:
    start = timestamp(now - timedelta(days=900))
    dates: StoredRow = {"createdon": start, "modifiedon": start}
    dates["fiscalcalendarstart"] = f"{now.year}-01-01T00:00:00Z"
    rows.add_fixed("organization", [_ORGANIZATION | dates])
    rows.add("transactioncurrency", [_currency(*each) for each in CURRENCIES])
    rows.add_fixed("businessunit", [{"businessunitid": ROOT_UNIT_ID, "name": "Emulated"}])
    rows.add_fixed("businessunit", [_unit(name) for name in UNITS])
    rows.add_fixed("role", [_role(*each) for each in _ROLES.items()])
    rows.add_fixed("systemuser", list(_SERVICE_USERS))
    for user_id in (CONNECTOR_USER_ID, SYSTEM_USER_ID):
        rows.give_role("systemuser", user_id, ADMINISTRATOR_ROLE_ID)
    _seed_messages(rows)


def _unit(name: str) -> StoredRow:
    unit_id = fixed_id(f"businessunit/{name}")
    return {"businessunitid": unit_id, "name": name, "parentbusinessunitid": ROOT_UNIT_ID}


def _role(role_id: str, name: str) -> StoredRow:
    return {"roleid": role_id, "name": name, "businessunitid": ROOT_UNIT_ID}


def _currency(code: str, name: str, symbol: str, rate: float) -> StoredRow:
    return {
        "transactioncurrencyid": fixed_id(f"transactioncurrency/{code}"),
        "currencyname": name,
        "isocurrencycode": code,
        "currencysymbol": symbol,
        "currencyprecision": 2,
        "exchangerate": rate,
    }


def _seed_messages(rows: SeedRows) -> None:
    rows.add_fixed("sdkmessage", [_message(name) for name in _MESSAGES])
    tables = rows.organization.catalog.tables.values()
    filters = [
        _message_filter(table, name)
        for table in tables
        for name in (*_MESSAGES[:3], *sorted(table.bulk_messages))
    ]
    rows.add_fixed("sdkmessagefilter", filters)


def _message(name: str) -> StoredRow:
    return {"sdkmessageid": fixed_id(f"sdkmessage/{name}"), "name": name}


def _message_filter(table: TableDefinition, message: str) -> StoredRow:
    return {
        "sdkmessagefilterid": fixed_id(f"sdkmessagefilter/{table.logical_name}/{message}"),
        "name": f"{message} of {table.logical_name}",
        "primaryobjecttypecode": table.logical_name,
        "secondaryobjecttypecode": "none",
        "availability": 0,
        "sdkmessageid": fixed_id(f"sdkmessage/{message}"),
    }
