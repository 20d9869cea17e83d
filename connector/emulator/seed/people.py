"""The seed's people: sellers with roles, attributes and capacity; managers, teams, queues."""

from dataclasses import dataclass, field

from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import (
    MANAGER_ROLE_ID,
    ROOT_UNIT_ID,
    SALESPERSON_ROLE_ID,
    fixed_id,
)
from connector.emulator.seed.calendars import SeededSeller, seed_calendars
from connector.emulator.seed.names import FIRST_NAMES, LAST_NAMES, PLACES, TITLES, UNITS, Place
from connector.emulator.seed.rows import SeedRows
from connector.emulator.storage.database import StoredRow

ATTRIBUTES = {
    "Language": ("English", "German", "French", "Spanish", "Portuguese", "Japanese"),
    "Industry": ("Energy", "Retail", "Finance", "Manufacturing"),
    "Experience": ("Junior", "Senior", "Expert"),
}


@dataclass(slots=True)
class SeededPeople:
    """Who there is; empty when the users were loaded from files."""

    sellers: list[SeededSeller] = field(default_factory=list[SeededSeller])
    owner_ids: list[str] = field(default_factory=list[str])
    team_ids: list[str] = field(default_factory=list[str])


_OWNERS = (
    "SELECT systemuserid FROM systemuser WHERE isdisabled = 0 AND applicationid IS NULL "
    "AND accessmode = 0 ORDER BY systemuserid"
)
_OTHER_TEAMS: tuple[StoredRow, ...] = (
    {"teamid": fixed_id("team/access"), "name": "Deal room", "teamtype": 1},
    {"teamid": fixed_id("team/roleless"), "name": "New team", "teamtype": 0},
)
_QUEUES = ("Overflow", "Partner leads", "Night desk")


def seed_people(rows: SeedRows, count: int) -> SeededPeople:
    """Invent people, or list those that were loaded."""
    people = SeededPeople()
    if "systemuser" in rows.loaded:
        people.owner_ids = [str(row[0]) for row in rows.organization.storage.query(_OWNERS)]
    else:
        _seed_sellers(rows, people, count)
    _seed_teams(rows, people)
    rows.add("queue", [_queue(name) for name in _QUEUES])
    return people


def _seed_sellers(rows: SeedRows, people: SeededPeople, count: int) -> None:
    countries = sorted({place.country for place in PLACES})
    rows.add("territory", [_territory(country) for country in countries])
    people.sellers = [_seller(rows, index) for index in range(count)]
    people.owner_ids = [seller.id for seller in people.sellers]
    _seed_users(rows, people)
    _seed_attributes(rows, people)
    capacities = [_capacity(rows, index, seller) for index, seller in enumerate(people.sellers)]
    rows.add("msdyn_assignmentmap", capacities)
    seed_calendars(rows, people.sellers)


def _territory(country: str) -> StoredRow:
    return {"territoryid": fixed_id(f"territory/{country}"), "name": country}


def _seller(rows: SeedRows, index: int) -> SeededSeller:
    place = PLACES[index % len(PLACES)]
    first = FIRST_NAMES[index % len(FIRST_NAMES)]
    last = LAST_NAMES[(index * 7 + index // len(FIRST_NAMES)) % len(LAST_NAMES)]
    user_id = fixed_id(f"systemuser/seller/{index}")
    return SeededSeller(user_id, f"{first} {last}", place, _draw_attributes(rows, place))


def _draw_attributes(rows: SeedRows, place: Place) -> dict[str, tuple[str, ...]]:
    return {
        "Language": tuple(dict.fromkeys(("English", place.language))),
        "Industry": (rows.dice.pick(ATTRIBUTES["Industry"]),),
        "Experience": (rows.dice.pick(ATTRIBUTES["Experience"]),),
    }


def _user(rows: SeedRows, user_id: str, name: str, place: Place, title: str) -> StoredRow:
    return {
        "systemuserid": user_id,
        **_named(name),
        "title": title,
        "jobtitle": title,
        **place.address,
        "preferredlanguage": place.language,
        "businessunitid": fixed_id(f"businessunit/{place.unit}"),
        "territoryid": fixed_id(f"territory/{place.country}"),
        "azureactivedirectoryobjectid": fixed_id(f"aad/{user_id}"),
        "islicensed": 1,
        "createdon": timestamp(rows.ago(days=rows.dice.between(200, 800))),
    }


def _named(name: str) -> StoredRow:
    first, _, last = name.partition(" ")
    address = f"{first}.{last}@emulated.example".lower().replace(" ", "")
    names: StoredRow = {"firstname": first, "lastname": last, "fullname": name}
    return {**names, "domainname": address, "internalemailaddress": address}


def _seed_users(rows: SeedRows, people: SeededPeople) -> None:
    users = [_manager(rows, index, unit) for index, unit in enumerate(UNITS)]
    users += [_selling_user(rows, seller) for seller in people.sellers]
    users += [_leaver(rows), _newcomer(rows)]
    rows.add("systemuser", users)


def _manager(rows: SeedRows, index: int, unit: str) -> StoredRow:
    place = next(place for place in PLACES if place.unit == unit)
    user_id = fixed_id(f"systemuser/manager/{unit}")
    name = f"{FIRST_NAMES[-1 - index]} {LAST_NAMES[-1 - index]}"
    rows.give_role("systemuser", user_id, MANAGER_ROLE_ID)
    return _user(rows, user_id, name, place, "Sales Manager")


def _selling_user(rows: SeedRows, seller: SeededSeller) -> StoredRow:
    rows.give_role("systemuser", seller.id, SALESPERSON_ROLE_ID)
    row = _user(rows, seller.id, seller.name, seller.place, rows.dice.pick(TITLES))
    row["parentsystemuserid"] = fixed_id(f"systemuser/manager/{seller.place.unit}")
    return row


def _leaver(rows: SeedRows) -> StoredRow:
    user_id = fixed_id("systemuser/leaver")
    rows.give_role("systemuser", user_id, SALESPERSON_ROLE_ID)
    row = _user(rows, user_id, "Gerda Leaver", PLACES[0], TITLES[0])
    return {**row, "isdisabled": 1, "disabledreason": "Left the company"}


def _newcomer(rows: SeedRows) -> StoredRow:
    return _user(rows, fixed_id("systemuser/newcomer"), "Nils Newcomer", PLACES[0], TITLES[0])


def _seed_attributes(rows: SeedRows, people: SeededPeople) -> None:
    values = [(name, value) for name, values in ATTRIBUTES.items() for value in values]
    rows.add("msdyn_attribute", [_attribute(name) for name in ATTRIBUTES])
    rows.add("msdyn_attributevalue", [_attribute_value(*each) for each in values])
    links = [
        _attribute_link(seller, name, value)
        for seller in people.sellers
        for name, values in seller.attributes.items()
        for value in values
    ]
    rows.add("msdyn_msdyn_attributevalue_systemuser", links)


def _attribute(name: str) -> StoredRow:
    row_id = fixed_id(f"attribute/{name}")
    return {"msdyn_attributeid": row_id, "msdyn_name": name, "msdyn_reviewstatus": 1}


def _attribute_value(attribute: str, value: str) -> StoredRow:
    return {
        "msdyn_attributevalueid": fixed_id(f"attributevalue/{attribute}/{value}"),
        "msdyn_name": value,
        "msdyn_parentattribute": fixed_id(f"attribute/{attribute}"),
        "msdyn_reviewstatus": 1,
    }


def _attribute_link(seller: SeededSeller, attribute: str, value: str) -> StoredRow:
    link_id = fixed_id(f"link/{seller.id}/{attribute}/{value}")
    return {
        "msdyn_msdyn_attributevalue_systemuserid": link_id,
        "msdyn_attributevalueid": fixed_id(f"attributevalue/{attribute}/{value}"),
        "systemuserid": seller.id,
    }


def _capacity(rows: SeedRows, index: int, seller: SeededSeller) -> StoredRow:
    maximum = rows.dice.pick((20, 30, 40, 50, 60))
    return {
        "msdyn_assignmentmapid": fixed_id(f"assignmentmap/{seller.id}"),
        "msdyn_name": seller.name,
        "msdyn_systemuserid": seller.id,
        "msdyn_applicableforrouting": int(index % 12 != 11),
        "msdyn_maxcapacity": maximum,
        "msdyn_availablecapacity": maximum,
        "msdyn_assignedticks": _ticks(rows, index) if index % 5 else None,
    }


def _ticks(rows: SeedRows, index: int) -> str:
    moment = rows.ago(hours=3 + index * 2)
    return str(int(moment.timestamp() + 62_135_596_800) * 10_000_000)


def _seed_teams(rows: SeedRows, people: SeededPeople) -> None:
    if "team" in rows.loaded:
        found = rows.organization.storage.query("SELECT teamid FROM team ORDER BY teamid")
        people.team_ids = [str(row[0]) for row in found]
        return
    for unit in UNITS:
        rows.give_role("team", team_id(unit), SALESPERSON_ROLE_ID)
    people.team_ids = [team_id(unit) for unit in UNITS]
    rows.add("team", [*(_team(rows, unit) for unit in UNITS), *_OTHER_TEAMS])
    sellers = [seller for unit in UNITS for seller in people.sellers if seller.place.unit == unit]
    rows.add("teammembership", [_membership(seller) for seller in sellers])


def team_id(unit: str) -> str:
    """The team of a business unit's sellers."""
    return fixed_id(f"team/{unit}")


def _team(rows: SeedRows, unit: str) -> StoredRow:
    loaded = "businessunit" in rows.loaded
    unit_id = ROOT_UNIT_ID if loaded else fixed_id(f"businessunit/{unit}")
    row: StoredRow = {"teamid": team_id(unit), "name": f"{unit} sales"}
    return {**row, "teamtype": 0, "businessunitid": unit_id}


def _membership(seller: SeededSeller) -> StoredRow:
    team = team_id(seller.place.unit)
    row_id = fixed_id(f"teammembership/{team}/{seller.id}")
    return {"teammembershipid": row_id, "teamid": team, "systemuserid": seller.id}


def _queue(name: str) -> StoredRow:
    return {"queueid": fixed_id(f"queue/{name}"), "name": name, "queueviewtype": 0}
