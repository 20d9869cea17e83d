"""Fills an organization with a sales company: fixed rows, then people, customers and pipeline.

Everything is drawn from the seed and dated relative to the clock's start; nothing reads files.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

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


def _seed_platform(rows: SeedRows, now: datetime) -> None:
    start = timestamp(now - timedelta(days=900))
    organization: StoredRow = {
        "organizationid": ORGANIZATION_ID,
        "name": "Emulated",
        "expirechangetrackingindays": 7,
        "expiresubscriptionsindays": 90,
        "languagecode": 1033,
        "fiscalcalendarstart": f"{now.year}-01-01T00:00:00Z",
        "weekstartdaycode": 0,
        "isauditenabled": 0,
        "basecurrencyid": BASE_CURRENCY_ID,
        "createdon": start,
        "modifiedon": start,
    }
    rows.add_fixed("organization", [organization])
    rows.add("transactioncurrency", [_currency(*each) for each in CURRENCIES])
    rows.add_fixed("businessunit", [{"businessunitid": ROOT_UNIT_ID, "name": "Emulated"}])
    units: list[StoredRow] = [
        {
            "businessunitid": fixed_id(f"businessunit/{name}"),
            "name": name,
            "parentbusinessunitid": ROOT_UNIT_ID,
        }
        for name in UNITS
    ]
    rows.add_fixed("businessunit", units)
    roles = {
        ADMINISTRATOR_ROLE_ID: "System Administrator",
        MANAGER_ROLE_ID: "Sales Manager",
        SALESPERSON_ROLE_ID: "Salesperson",
    }
    rows.add_fixed(
        "role",
        [
            {"roleid": role_id, "name": name, "businessunitid": ROOT_UNIT_ID}
            for role_id, name in roles.items()
        ],
    )
    _seed_service_users(rows)
    _seed_messages(rows)


def _currency(code: str, name: str, symbol: str, rate: float) -> StoredRow:
    return {
        "transactioncurrencyid": fixed_id(f"transactioncurrency/{code}"),
        "currencyname": name,
        "isocurrencycode": code,
        "currencysymbol": symbol,
        "currencyprecision": 2,
        "exchangerate": rate,
    }


def _seed_service_users(rows: SeedRows) -> None:
    rows.add_fixed(
        "systemuser",
        [
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
        ],
    )
    rows.give_role("systemuser", CONNECTOR_USER_ID, ADMINISTRATOR_ROLE_ID)
    rows.give_role("systemuser", SYSTEM_USER_ID, ADMINISTRATOR_ROLE_ID)


def _seed_messages(rows: SeedRows) -> None:
    names = ("Create", "Update", "Delete", "CreateMultiple", "UpdateMultiple", "UpsertMultiple")
    rows.add_fixed(
        "sdkmessage",
        [{"sdkmessageid": fixed_id(f"sdkmessage/{name}"), "name": name} for name in names],
    )
    filters: list[StoredRow] = [
        {
            "sdkmessagefilterid": fixed_id(f"sdkmessagefilter/{table.logical_name}/{name}"),
            "name": f"{name} of {table.logical_name}",
            "primaryobjecttypecode": table.logical_name,
            "secondaryobjecttypecode": "none",
            "availability": 0,
            "sdkmessageid": fixed_id(f"sdkmessage/{name}"),
        }
        for table in rows.organization.catalog.tables.values()
        for name in (*names[:3], *sorted(table.bulk_messages))
    ]
    rows.add_fixed("sdkmessagefilter", filters)
