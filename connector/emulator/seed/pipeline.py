"""The seed's customers and pipeline: accounts with hierarchies, contacts, leads and others."""

from dataclasses import dataclass, field
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
from connector.emulator.seed.people import SeededPeople, team_id
from connector.emulator.seed.rows import SeedRows
from connector.emulator.storage.database import StoredRow
from connector.emulator.storage.sql_names import type_column

ACCOUNTS = 60
INSIGHT_KINDS = ("Renewal due", "Upsell", "Cross-sell")
_LEAD_SOURCES = (1, 2, 3, 4, 5, 6, 7, 7, 8, 8, 8, 9, 10)
_LEAD_STATES = ((0, 1), (0, 1), (0, 1), (0, 2), (0, 2), (1, 3), (2, 4), (2, 5))
_OPPORTUNITY_STATES = ((0, 1), (0, 1), (0, 2), (1, 3), (2, 4), (2, 5))


_ACCOUNTS_SQL = "SELECT accountid FROM account ORDER BY accountid"


@dataclass(frozen=True, slots=True)
class _Pipeline:
    """Who sells to whom: what the rows of the pipeline point to."""

    rows: SeedRows
    people: SeededPeople
    accounts: list[tuple[str, Place]] = field(default_factory=list[tuple[str, Place]])
    contacts: list[str] = field(default_factory=list[str])

    def draw_account(self) -> tuple[str | None, Place]:
        dice = self.rows.dice
        if self.accounts:
            return self.accounts[dice.below(len(self.accounts))]
        return None, dice.pick(PLACES)

    def draw_contact(self, probability: float = 1) -> str | None:
        dice = self.rows.dice
        if self.contacts and (probability == 1 or dice.chance(probability)):
            return dice.pick(self.contacts)
        return None

    def draw_owner(self, place: Place) -> StoredRow:
        dice, sellers = self.rows.dice, self.people.sellers
        local = [seller.id for seller in sellers if seller.place.unit == place.unit]
        if self.people.team_ids and sellers and dice.chance(0.08):
            return {"ownerid": team_id(place.unit), type_column("ownerid"): "team"}
        owner = dice.pick(local or self.people.owner_ids)
        return {"ownerid": owner, type_column("ownerid"): "systemuser"}

    def draw_instant(self, low: int, high: int) -> str:
        days, hours = self.rows.dice.between(low, high), self.rows.dice.between(1, 23)
        return timestamp(self.rows.ago(days=days, hours=hours))

    def draw_day(self, low: int, high: int) -> str:
        return day_of(self.rows.now + timedelta(days=self.rows.dice.between(low, high)))


def seed_pipeline(
    rows: SeedRows, people: SeededPeople, leads: int, opportunities: int, insights: int
) -> None:
    """Customers first, then what is sold to them."""
    rows.add("campaign", [_campaign(*each) for each in enumerate(CAMPAIGNS, start=1)])
    rows.add("product", [_product(*each) for each in enumerate(PRODUCTS, start=1)])
    rows.add("pricelevel", [{"pricelevelid": fixed_id("pricelevel"), "name": "Standard"}])
    pipeline = _Pipeline(rows, people)
    _seed_accounts(pipeline)
    if not people.owner_ids:
        return
    _seed_contacts(pipeline)
    rows.add("lead", [_lead(pipeline, index) for index in range(leads)])
    rows.add("opportunity", [_opportunity(pipeline, index) for index in range(opportunities)])
    rows.add("msdyn_salessuggestion", [_insight(pipeline, index) for index in range(insights)])
    if "opportunity" not in rows.loaded:
        rows.add("opportunityproduct", _opportunity_products(opportunities))


def _campaign(index: int, name: str) -> StoredRow:
    row_id = fixed_id(f"campaign/{name}")
    return {"campaignid": row_id, "name": name, "codename": f"CMP-{index:03}"}


def _product(index: int, name: str) -> StoredRow:
    row: StoredRow = {"productid": fixed_id(f"product/{name}"), "name": name}
    return row | {"productnumber": f"P-{index:03}", "price": 1000.0 * index}


def _currency(place: Place) -> StoredRow:
    return {"transactioncurrencyid": fixed_id(f"transactioncurrency/{place.currency}")}


def _seed_accounts(pipeline: _Pipeline) -> None:
    rows, accounts = pipeline.rows, pipeline.accounts
    if "account" in rows.loaded or not pipeline.people.owner_ids:
        found = rows.organization.storage.query(_ACCOUNTS_SQL)
        accounts += [(str(row[0]), PLACES[at % len(PLACES)]) for at, row in enumerate(found)]
    else:
        accounts += [
            (fixed_id(f"account/{index}"), PLACES[index % len(PLACES)]) for index in range(ACCOUNTS)
        ]
        rows.add("account", [_account(pipeline, index) for index in range(ACCOUNTS)])


def _account(pipeline: _Pipeline, index: int) -> StoredRow:
    dice, (account, place) = pipeline.rows.dice, pipeline.accounts[index]
    kind = COMPANY_KINDS[(index * 5 + index // 24) % len(COMPANY_KINDS)]
    return {
        "accountid": account,
        "name": f"{COMPANY_STEMS[index % len(COMPANY_STEMS)]} {kind}",
        "accountnumber": f"A-{index:04}",
        "industrycode": dice.between(1, 33),
        "revenue": float(dice.between(1, 400) * 250_000),
        "numberofemployees": dice.between(5, 9000),
        "customertypecode": 3 if index % 4 else 8,
        "parentaccountid": pipeline.accounts[index // 3][0] if index % 3 == 2 else None,
        "territoryid": fixed_id(f"territory/{place.country}"),
        **_currency(place),
        "createdon": timestamp(pipeline.rows.ago(days=dice.between(100, 800))),
        **place.address,
        **pipeline.draw_owner(place),
    }


def _seed_contacts(pipeline: _Pipeline) -> None:
    if "contact" not in pipeline.rows.loaded:
        made = [_contact(pipeline, index) for index in range(len(pipeline.accounts))]
        pipeline.rows.add("contact", made)
        pipeline.contacts.extend(str(row["contactid"]) for row in made)


def _contact(pipeline: _Pipeline, index: int) -> StoredRow:
    account, place = pipeline.accounts[index]
    first = FIRST_NAMES[(index * 11) % len(FIRST_NAMES)]
    last = LAST_NAMES[(index * 13) % len(LAST_NAMES)]
    return {
        "contactid": fixed_id(f"contact/{index}"),
        **_person(first, last),
        "jobtitle": pipeline.rows.dice.pick(JOB_TITLES),
        "emailaddress1": f"{first}.{last}.{index}@customer.example".lower(),
        "parentcustomerid": account,
        type_column("parentcustomerid"): "account",
        "accountid": account,
        **place.address,
        **pipeline.draw_owner(place),
    }


def _person(first: str, last: str) -> StoredRow:
    return {"firstname": first, "lastname": last, "fullname": f"{first} {last}"}


def _lead(pipeline: _Pipeline, index: int) -> StoredRow:
    dice = pipeline.rows.dice
    place = dice.pick(PLACES)
    first, last = dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES)
    state, status = dice.pick(_LEAD_STATES)
    budget = float(dice.between(1, 200) * 500)
    account = pipeline.draw_account()[0] if pipeline.accounts and dice.chance(0.3) else None
    return {
        "leadid": fixed_id(f"lead/{index}"),
        "createdon": pipeline.draw_instant(0, 120),
        "emailaddress1": f"{first}.{last}.{index}@prospect.example".lower(),
        "budgetamount": budget,
        "budgetamount_base": budget,
        "exchangerate": 1.0,
        "parentaccountid": account,
        **_person(first, last),
        **_interest(pipeline, place),
        "statecode": state,
        "statuscode": status,
        **_currency(place),
        **place.address,
        **pipeline.draw_owner(place),
    }


def _interest(pipeline: _Pipeline, place: Place) -> StoredRow:
    """What a lead wants, and what is known of its company."""
    dice = pipeline.rows.dice
    return {
        "subject": f"{dice.pick(PRODUCTS)} for {place.city}",
        "companyname": f"{dice.pick(COMPANY_STEMS)} {dice.pick(COMPANY_KINDS)}",
        "jobtitle": dice.pick(JOB_TITLES),
        "leadsourcecode": dice.pick(_LEAD_SOURCES),
        "leadqualitycode": dice.between(1, 3),
        "industrycode": dice.between(34, 43) if dice.chance(0.8) else None,
        "prioritycode": dice.between(1, 4),
        "revenue": float(dice.between(1, 300) * 10_000) if dice.chance(0.85) else None,
        "numberofemployees": dice.between(1, 4000),
        "estimatedclosedate": pipeline.draw_day(10, 200),
        "msdyn_leadscore": dice.between(0, 100),
        "campaignid": fixed_id(f"campaign/{dice.pick(CAMPAIGNS)}") if dice.chance(0.4) else None,
    }


def _opportunity(pipeline: _Pipeline, index: int) -> StoredRow:
    account, place = pipeline.draw_account()
    row: StoredRow = {"opportunityid": fixed_id(f"opportunity/{index}"), "exchangerate": 1.0}
    row |= _prospect(pipeline, index)
    row |= {"customerid": account, type_column("customerid"): "account" if account else None}
    row |= {"parentaccountid": account, "parentcontactid": pipeline.draw_contact(0.7)}
    row["createdon"] = pipeline.draw_instant(0, 200)
    return row | _currency(place) | pipeline.draw_owner(place)


def _prospect(pipeline: _Pipeline, index: int) -> StoredRow:
    """What an opportunity is worth, and how far it got."""
    dice = pipeline.rows.dice
    state, status = dice.pick(_OPPORTUNITY_STATES)
    value = float(dice.between(2, 400) * 1000)
    return {
        "estimatedclosedate": pipeline.draw_day(-60, 150),
        "name": f"{dice.pick(PRODUCTS)} {index:04}",
        "estimatedvalue": value,
        "estimatedvalue_base": value,
        "actualvalue": value if state == 1 else None,
        "actualclosedate": day_of(pipeline.rows.ago(days=dice.between(1, 40))) if state else None,
        "closeprobability": dice.between(1, 20) * 5,
        "opportunityratingcode": dice.between(1, 3),
        "salesstage": dice.between(0, 3),
        "msdyn_opportunityscore": dice.between(0, 100),
        "statecode": state,
        "statuscode": status,
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


def _insight(pipeline: _Pipeline, index: int) -> StoredRow:
    dice = pipeline.rows.dice
    account, place = pipeline.draw_account()
    return {
        "msdyn_salessuggestionid": fixed_id(f"insight/{index}"),
        "msdyn_name": f"{dice.pick(INSIGHT_KINDS)}: {dice.pick(PRODUCTS)}",
        "msdyn_insight": "The customer's orders suggest a further need.",
        "msdyn_potentialrevenue": float(dice.between(1, 120) * 1000),
        "msdyn_score": dice.between(1, 100),
        "msdyn_expirydate": pipeline.draw_day(5, 90),
        "msdyn_suggesteddate": timestamp(pipeline.rows.ago(days=dice.between(0, 20))),
        "msdyn_suggestionsource": dice.between(0, 1),
        "msdyn_salesmotion": 1,
        "msdyn_relatedrecord": account,
        "msdyn_sequencecontact": pipeline.draw_contact(),
        **_currency(place),
        "createdon": pipeline.draw_instant(0, 20),
        **pipeline.draw_owner(place),
    }
