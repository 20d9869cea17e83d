"""The seed's customers and pipeline: accounts with hierarchies, contacts, campaigns, leads and
others.
"""

from datetime import timedelta

from connector.emulator.organization.clock import day_of, timestamp
from connector.emulator.organization.organization import fixed_id
from connector.emulator.seed.names import (
    CAMPAIGNS,
    COMPANY_KINDS,
    COMPANY_STEMS,
    FIRST_NAMES,
    JOB_TITLES,
    LAST_NAMES,
    PLACES,
    PRODUCTS,
    Place,
)
from connector.emulator.seed.people import SeededPeople
from connector.emulator.seed.rows import SeedRows
from connector.emulator.storage.database import StoredRow
from connector.emulator.storage.sql_names import type_column

ACCOUNTS = 60
INSIGHT_KINDS = ("Renewal due", "Upsell", "Cross-sell")
_LEAD_SOURCES = (1, 2, 3, 4, 5, 6, 7, 7, 8, 8, 8, 9, 10)
_LEAD_STATES = ((0, 1), (0, 1), (0, 1), (0, 2), (0, 2), (1, 3), (2, 4), (2, 5))
_OPPORTUNITY_STATES = ((0, 1), (0, 1), (0, 2), (1, 3), (2, 4), (2, 5))


def seed_pipeline(
    rows: SeedRows, people: SeededPeople, leads: int, opportunities: int, insights: int
) -> None:
    """Customers first, then what is sold to them."""
    _seed_marketing(rows)
    accounts = _seed_accounts(rows, people)
    contacts = _seed_contacts(rows, people, accounts)
    if people.owner_ids:
        rows.add("lead", [_lead(rows, people, accounts, index) for index in range(leads)])
        rows.add(
            "opportunity",
            [
                _opportunity(rows, people, accounts, contacts, index)
                for index in range(opportunities)
            ],
        )
        rows.add(
            "msdyn_salessuggestion",
            [_insight(rows, people, accounts, contacts, index) for index in range(insights)],
        )
        if "opportunity" not in rows.loaded:
            rows.add("opportunityproduct", _opportunity_products(opportunities))


def _seed_marketing(rows: SeedRows) -> None:
    campaigns: list[StoredRow] = [
        {"campaignid": fixed_id(f"campaign/{name}"), "name": name, "codename": f"CMP-{index:03}"}
        for index, name in enumerate(CAMPAIGNS, start=1)
    ]
    rows.add("campaign", campaigns)
    products: list[StoredRow] = [
        {
            "productid": fixed_id(f"product/{name}"),
            "name": name,
            "productnumber": f"P-{index:03}",
            "price": 1000.0 * index,
        }
        for index, name in enumerate(PRODUCTS, start=1)
    ]
    rows.add("product", products)
    rows.add("pricelevel", [{"pricelevelid": fixed_id("pricelevel"), "name": "Standard"}])


def _owner(rows: SeedRows, people: SeededPeople, place: Place) -> StoredRow:
    local = [seller.id for seller in people.sellers if seller.place.unit == place.unit]
    if people.team_ids and people.sellers and rows.dice.chance(0.08):
        team = fixed_id(f"team/{place.unit}")
        return {"ownerid": team, type_column("ownerid"): "team"}
    owner = rows.dice.pick(local or people.owner_ids)
    return {"ownerid": owner, type_column("ownerid"): "systemuser"}


def _address(place: Place) -> StoredRow:
    return {
        "address1_city": place.city,
        "address1_country": place.country,
        "address1_stateorprovince": place.region,
    }


def _currency(place: Place) -> str:
    return fixed_id(f"transactioncurrency/{place.currency}")


def _seed_accounts(rows: SeedRows, people: SeededPeople) -> list[tuple[str, Place]]:
    if "account" in rows.loaded or not people.owner_ids:
        found = rows.organization.storage.query("SELECT accountid FROM account ORDER BY accountid")
        return [(str(row[0]), PLACES[index % len(PLACES)]) for index, row in enumerate(found)]
    accounts: list[tuple[str, Place]] = []
    made: list[StoredRow] = []
    for index in range(ACCOUNTS):
        place = PLACES[index % len(PLACES)]
        account = fixed_id(f"account/{index}")
        accounts.append((account, place))
        parent = accounts[index // 3][0] if index % 3 == 2 else None
        made.append(
            {
                "accountid": account,
                "name": f"{COMPANY_STEMS[index % len(COMPANY_STEMS)]} "
                f"{COMPANY_KINDS[(index * 5 + index // 24) % len(COMPANY_KINDS)]}",
                "accountnumber": f"A-{index:04}",
                "industrycode": rows.dice.between(1, 33),
                "revenue": float(rows.dice.between(1, 400) * 250_000),
                "numberofemployees": rows.dice.between(5, 9000),
                "customertypecode": 3 if index % 4 else 8,
                "parentaccountid": parent,
                "territoryid": fixed_id(f"territory/{place.country}"),
                "transactioncurrencyid": _currency(place),
                "createdon": timestamp(rows.ago(days=rows.dice.between(100, 800))),
                **_address(place),
                **_owner(rows, people, place),
            }
        )
    rows.add("account", made)
    return accounts


def _seed_contacts(
    rows: SeedRows, people: SeededPeople, accounts: list[tuple[str, Place]]
) -> list[str]:
    if "contact" in rows.loaded or not people.owner_ids:
        return []
    made: list[StoredRow] = []
    for index, (account, place) in enumerate(accounts):
        first = FIRST_NAMES[(index * 11) % len(FIRST_NAMES)]
        last = LAST_NAMES[(index * 13) % len(LAST_NAMES)]
        made.append(
            {
                "contactid": fixed_id(f"contact/{index}"),
                "firstname": first,
                "lastname": last,
                "fullname": f"{first} {last}",
                "jobtitle": rows.dice.pick(JOB_TITLES),
                "emailaddress1": f"{first}.{last}.{index}@customer.example".lower(),
                "parentcustomerid": account,
                type_column("parentcustomerid"): "account",
                "accountid": account,
                **_address(place),
                **_owner(rows, people, place),
            }
        )
    rows.add("contact", made)
    return [str(row["contactid"]) for row in made]


def _lead(
    rows: SeedRows, people: SeededPeople, accounts: list[tuple[str, Place]], index: int
) -> StoredRow:
    dice = rows.dice
    place = dice.pick(PLACES)
    first, last = dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES)
    state, status = dice.pick(_LEAD_STATES)
    budget = float(dice.between(1, 200) * 500)
    known = accounts[dice.below(len(accounts))] if accounts and dice.chance(0.3) else None
    created = rows.ago(days=dice.between(0, 120), hours=dice.between(1, 23))
    return {
        "leadid": fixed_id(f"lead/{index}"),
        "subject": f"{dice.pick(PRODUCTS)} for {place.city}",
        "firstname": first,
        "lastname": last,
        "fullname": f"{first} {last}",
        "companyname": f"{dice.pick(COMPANY_STEMS)} {dice.pick(COMPANY_KINDS)}",
        "jobtitle": dice.pick(JOB_TITLES),
        "emailaddress1": f"{first}.{last}.{index}@prospect.example".lower(),
        "leadsourcecode": dice.pick(_LEAD_SOURCES),
        "leadqualitycode": dice.between(1, 3),
        "industrycode": dice.between(34, 43) if dice.chance(0.8) else None,
        "prioritycode": dice.between(1, 4),
        "revenue": float(dice.between(1, 300) * 10_000) if dice.chance(0.85) else None,
        "numberofemployees": dice.between(1, 4000),
        "budgetamount": budget,
        "budgetamount_base": budget,
        "estimatedclosedate": day_of(rows.now + timedelta(days=dice.between(10, 200))),
        "msdyn_leadscore": dice.between(0, 100),
        "parentaccountid": known[0] if known else None,
        "campaignid": fixed_id(f"campaign/{dice.pick(CAMPAIGNS)}") if dice.chance(0.4) else None,
        "transactioncurrencyid": _currency(place),
        "exchangerate": 1.0,
        "statecode": state,
        "statuscode": status,
        "createdon": timestamp(created),
        **_address(place),
        **_owner(rows, people, place),
    }


def _opportunity(
    rows: SeedRows,
    people: SeededPeople,
    accounts: list[tuple[str, Place]],
    contacts: list[str],
    index: int,
) -> StoredRow:
    dice = rows.dice
    account, place = accounts[dice.below(len(accounts))] if accounts else (None, dice.pick(PLACES))
    state, status = dice.pick(_OPPORTUNITY_STATES)
    value = float(dice.between(2, 400) * 1000)
    closing = rows.now + timedelta(days=dice.between(-60, 150))
    return {
        "opportunityid": fixed_id(f"opportunity/{index}"),
        "name": f"{dice.pick(PRODUCTS)} {index:04}",
        "estimatedvalue": value,
        "estimatedvalue_base": value,
        "actualvalue": value if state == 1 else None,
        "actualclosedate": day_of(rows.ago(days=dice.between(1, 40))) if state else None,
        "estimatedclosedate": day_of(closing),
        "closeprobability": dice.between(1, 20) * 5,
        "opportunityratingcode": dice.between(1, 3),
        "salesstage": dice.between(0, 3),
        "msdyn_opportunityscore": dice.between(0, 100),
        "customerid": account,
        type_column("customerid"): "account" if account else None,
        "parentaccountid": account,
        "parentcontactid": dice.pick(contacts) if contacts and dice.chance(0.7) else None,
        "transactioncurrencyid": _currency(place),
        "exchangerate": 1.0,
        "statecode": state,
        "statuscode": status,
        "createdon": timestamp(rows.ago(days=dice.between(0, 200), hours=dice.between(1, 23))),
        **_owner(rows, people, place),
    }


def _opportunity_products(opportunities: int) -> list[StoredRow]:
    """Lines for two of three opportunities, one to three each; drawn by nothing but the index."""
    return [
        _opportunity_product(index, line)
        for index in range(opportunities)
        if index % 3
        for line in range(1, 2 + index % 3 + index % 2)
    ]


def _opportunity_product(index: int, line: int) -> StoredRow:
    at = (index * 5 + line) % len(PRODUCTS)
    price, quantity = 1000.0 * (at + 1), float(1 + (index + line) % 12)
    return {
        "opportunityproductid": fixed_id(f"opportunityproduct/{index}/{line}"),
        "opportunityproductname": PRODUCTS[at],
        "opportunityid": fixed_id(f"opportunity/{index}"),
        "productid": fixed_id(f"product/{PRODUCTS[at]}"),
        "priceperunit": price,
        "quantity": quantity,
        "baseamount": price * quantity,
        "extendedamount": price * quantity,
        "lineitemnumber": line,
    }


def _insight(
    rows: SeedRows,
    people: SeededPeople,
    accounts: list[tuple[str, Place]],
    contacts: list[str],
    index: int,
) -> StoredRow:
    dice = rows.dice
    account, place = accounts[dice.below(len(accounts))] if accounts else (None, dice.pick(PLACES))
    return {
        "msdyn_salessuggestionid": fixed_id(f"insight/{index}"),
        "msdyn_name": f"{dice.pick(INSIGHT_KINDS)}: {dice.pick(PRODUCTS)}",
        "msdyn_insight": "The customer's orders suggest a further need.",
        "msdyn_potentialrevenue": float(dice.between(1, 120) * 1000),
        "msdyn_score": dice.between(1, 100),
        "msdyn_expirydate": day_of(rows.now + timedelta(days=dice.between(5, 90))),
        "msdyn_suggesteddate": timestamp(rows.ago(days=dice.between(0, 20))),
        "msdyn_suggestionsource": dice.between(0, 1),
        "msdyn_salesmotion": 1,
        "msdyn_relatedrecord": account,
        "msdyn_sequencecontact": dice.pick(contacts) if contacts else None,
        "transactioncurrencyid": _currency(place),
        "createdon": timestamp(rows.ago(days=dice.between(0, 20), hours=dice.between(1, 23))),
        **_owner(rows, people, place),
    }
