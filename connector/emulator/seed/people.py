"""The seed's people: sellers with roles, attributes, capacity and calendars; managers, teams,
queues.
"""

from dataclasses import dataclass, field

from connector.emulator.organization.clock import day_of, timestamp
from connector.emulator.organization.organization import (
    MANAGER_ROLE_ID,
    ROOT_UNIT_ID,
    SALESPERSON_ROLE_ID,
    fixed_id,
)
from connector.emulator.seed.names import FIRST_NAMES, LAST_NAMES, PLACES, TITLES, UNITS, Place
from connector.emulator.seed.rows import SeedRows
from connector.emulator.storage.database import StoredRow

ATTRIBUTES = {
    "Language": ("English", "German", "French", "Spanish", "Portuguese", "Japanese"),
    "Industry": ("Energy", "Retail", "Finance", "Manufacturing"),
    "Experience": ("Junior", "Senior", "Expert"),
}


@dataclass(frozen=True, slots=True)
class SeededSeller:
    """A seller the pipeline can be given to."""

    id: str
    name: str
    place: Place
    attributes: dict[str, tuple[str, ...]]


@dataclass(slots=True)
class SeededPeople:
    """Who there is; empty when the users were loaded from files."""

    sellers: list[SeededSeller] = field(default_factory=list[SeededSeller])
    owner_ids: list[str] = field(default_factory=list[str])
    team_ids: list[str] = field(default_factory=list[str])
    queue_ids: list[str] = field(default_factory=list[str])


def seed_people(rows: SeedRows, count: int) -> SeededPeople:
    """Invent people, or list those that were loaded."""
    people = SeededPeople()
    if "systemuser" in rows.loaded:
        found = rows.organization.storage.query(
            "SELECT systemuserid FROM systemuser WHERE isdisabled = 0 AND applicationid IS NULL "
            "AND accessmode = 0 ORDER BY systemuserid"
        )
        people.owner_ids = [str(row[0]) for row in found]
    else:
        _seed_territories(rows)
        people.sellers = [_seller(rows, index) for index in range(count)]
        people.owner_ids = [seller.id for seller in people.sellers]
        _seed_users(rows, people)
        _seed_attributes(rows, people)
        _seed_capacities(rows, people)
        _seed_calendars(rows, people)
    _seed_teams(rows, people)
    _seed_queues(rows, people)
    return people


def _seed_territories(rows: SeedRows) -> None:
    rows.add(
        "territory",
        [
            {"territoryid": fixed_id(f"territory/{country}"), "name": country}
            for country in sorted({place.country for place in PLACES})
        ],
    )


def _seller(rows: SeedRows, index: int) -> SeededSeller:
    place = PLACES[index % len(PLACES)]
    first = FIRST_NAMES[index % len(FIRST_NAMES)]
    last = LAST_NAMES[(index * 7 + index // len(FIRST_NAMES)) % len(LAST_NAMES)]
    languages = tuple(dict.fromkeys(("English", place.language)))
    industries = rows.dice.pick(ATTRIBUTES["Industry"])
    experience = rows.dice.pick(ATTRIBUTES["Experience"])
    return SeededSeller(
        fixed_id(f"systemuser/seller/{index}"),
        f"{first} {last}",
        place,
        {"Language": languages, "Industry": (industries,), "Experience": (experience,)},
    )


def _user(rows: SeedRows, user_id: str, name: str, place: Place, title: str) -> StoredRow:
    first, _, last = name.partition(" ")
    local = f"{first}.{last}".lower().replace(" ", "")
    return {
        "systemuserid": user_id,
        "firstname": first,
        "lastname": last,
        "fullname": name,
        "domainname": f"{local}@emulated.example",
        "internalemailaddress": f"{local}@emulated.example",
        "title": title,
        "jobtitle": title,
        "address1_city": place.city,
        "address1_country": place.country,
        "address1_stateorprovince": place.region,
        "preferredlanguage": place.language,
        "businessunitid": fixed_id(f"businessunit/{place.unit}"),
        "territoryid": fixed_id(f"territory/{place.country}"),
        "azureactivedirectoryobjectid": fixed_id(f"aad/{user_id}"),
        "islicensed": 1,
        "createdon": timestamp(rows.ago(days=rows.dice.between(200, 800))),
    }


def _seed_users(rows: SeedRows, people: SeededPeople) -> None:
    users: list[StoredRow] = []
    for index, unit in enumerate(UNITS):
        place = next(place for place in PLACES if place.unit == unit)
        manager = fixed_id(f"systemuser/manager/{unit}")
        name = f"{FIRST_NAMES[-1 - index]} {LAST_NAMES[-1 - index]}"
        users.append(_user(rows, manager, name, place, "Sales Manager"))
        rows.give_role("systemuser", manager, MANAGER_ROLE_ID)
    for seller in people.sellers:
        row = _user(rows, seller.id, seller.name, seller.place, rows.dice.pick(TITLES))
        row["parentsystemuserid"] = fixed_id(f"systemuser/manager/{seller.place.unit}")
        users.append(row)
        rows.give_role("systemuser", seller.id, SALESPERSON_ROLE_ID)
    users += [_leaver(rows), _newcomer(rows)]
    rows.add("systemuser", users)


def _leaver(rows: SeedRows) -> StoredRow:
    user_id = fixed_id("systemuser/leaver")
    rows.give_role("systemuser", user_id, SALESPERSON_ROLE_ID)
    return {
        **_user(rows, user_id, "Gerda Leaver", PLACES[0], TITLES[0]),
        "isdisabled": 1,
        "disabledreason": "Left the company",
    }


def _newcomer(rows: SeedRows) -> StoredRow:
    return _user(rows, fixed_id("systemuser/newcomer"), "Nils Newcomer", PLACES[0], TITLES[0])


def _seed_attributes(rows: SeedRows, people: SeededPeople) -> None:
    rows.add(
        "msdyn_attribute",
        [
            {
                "msdyn_attributeid": fixed_id(f"attribute/{name}"),
                "msdyn_name": name,
                "msdyn_reviewstatus": 1,
            }
            for name in ATTRIBUTES
        ],
    )
    rows.add(
        "msdyn_attributevalue",
        [
            {
                "msdyn_attributevalueid": fixed_id(f"attributevalue/{name}/{value}"),
                "msdyn_name": value,
                "msdyn_parentattribute": fixed_id(f"attribute/{name}"),
                "msdyn_reviewstatus": 1,
            }
            for name, values in ATTRIBUTES.items()
            for value in values
        ],
    )
    links: list[StoredRow] = [
        {
            "msdyn_msdyn_attributevalue_systemuserid": fixed_id(f"link/{seller.id}/{name}/{value}"),
            "msdyn_attributevalueid": fixed_id(f"attributevalue/{name}/{value}"),
            "systemuserid": seller.id,
        }
        for seller in people.sellers
        for name, values in seller.attributes.items()
        for value in values
    ]
    rows.add("msdyn_msdyn_attributevalue_systemuser", links)


def _seed_capacities(rows: SeedRows, people: SeededPeople) -> None:
    maps: list[StoredRow] = []
    for index, seller in enumerate(people.sellers):
        maximum = rows.dice.pick((20, 30, 40, 50, 60))
        maps.append(
            {
                "msdyn_assignmentmapid": fixed_id(f"assignmentmap/{seller.id}"),
                "msdyn_name": seller.name,
                "msdyn_systemuserid": seller.id,
                "msdyn_applicableforrouting": int(index % 12 != 11),
                "msdyn_maxcapacity": maximum,
                "msdyn_availablecapacity": maximum,
                "msdyn_assignedticks": _ticks(rows, index) if index % 5 else None,
            }
        )
    rows.add("msdyn_assignmentmap", maps)


def _ticks(rows: SeedRows, index: int) -> str:
    moment = rows.ago(hours=3 + index * 2)
    return str(int(moment.timestamp() + 62_135_596_800) * 10_000_000)


def _seed_calendars(rows: SeedRows, people: SeededPeople) -> None:
    settings: list[StoredRow] = []
    calendars: list[StoredRow] = []
    rules: list[StoredRow] = []
    for index, seller in enumerate(people.sellers):
        if index % 6 == 5:
            continue
        calendar = fixed_id(f"calendar/{seller.id}")
        settings.append(
            {
                "msdyn_extendedusersettingid": fixed_id(f"extendedusersetting/{seller.id}"),
                "msdyn_name": seller.name,
                "msdyn_userid": seller.id,
                "msdyn_calendarid": calendar,
            }
        )
        inner = fixed_id(f"calendar/inner/{seller.id}")
        calendars.append({"calendarid": calendar, "name": seller.name, "type": 0})
        calendars.append({"calendarid": inner, "name": f"{seller.name} hours", "type": -1})
        rules += _working_hours(rows, seller, calendar, inner)
        if index % 8 == 3:
            away = fixed_id(f"calendar/away/{seller.id}")
            calendars.append({"calendarid": away, "name": f"{seller.name} away", "type": -1})
            rules += _time_off(rows, seller, calendar, away)
    rows.add("calendar", calendars)
    rows.add("calendarrule", rules)
    rows.add("msdyn_extendedusersetting", settings)


def _working_hours(
    rows: SeedRows, seller: SeededSeller, calendar: str, inner: str
) -> list[StoredRow]:
    start = rows.dice.pick((480, 510, 540))
    return [
        {
            "calendarruleid": fixed_id(f"calendarrule/{seller.id}"),
            "name": "Working hours",
            "calendarid": calendar,
            "innercalendarid": inner,
            "pattern": "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR",
            "starttime": f"{day_of(rows.ago(days=400))}T00:00:00Z",
            "effectiveintervalstart": None,
            "duration": 1440,
            "offset": 0,
            "rank": 0,
            "timezonecode": seller.place.zone_code,
            "extentcode": 1,
            "isvaried": 0,
        },
        _inner_rule(f"calendarrule/inner/{seller.id}", inner, start, 540, 0, 1),
    ]


def _time_off(rows: SeedRows, seller: SeededSeller, calendar: str, away: str) -> list[StoredRow]:
    first = rows.ago(days=-2)
    return [
        {
            "calendarruleid": fixed_id(f"calendarrule/away/{seller.id}"),
            "name": "Time off",
            "calendarid": calendar,
            "innercalendarid": away,
            "pattern": "FREQ=DAILY;COUNT=3",
            "starttime": f"{day_of(first)}T00:00:00Z",
            "effectiveintervalend": f"{day_of(rows.ago(days=-5))}T00:00:00Z",
            "duration": 1440,
            "offset": 0,
            "rank": 1,
            "timezonecode": seller.place.zone_code,
            "extentcode": 2,
            "isvaried": 0,
        },
        _inner_rule(f"calendarrule/away/inner/{seller.id}", away, 0, 1440, 2, 6),
    ]


def _inner_rule(
    name: str, calendar: str, offset: int, duration: int, time_code: int, sub_code: int
) -> StoredRow:
    return {
        "calendarruleid": fixed_id(name),
        "name": "Hours",
        "calendarid": calendar,
        "offset": offset,
        "duration": duration,
        "timecode": time_code,
        "subcode": sub_code,
        "rank": 0,
        "effort": 1,
        "issimple": 1,
        "timezonecode": -1,
    }


def _seed_teams(rows: SeedRows, people: SeededPeople) -> None:
    if "team" in rows.loaded:
        found = rows.organization.storage.query("SELECT teamid FROM team ORDER BY teamid")
        people.team_ids = [str(row[0]) for row in found]
        return
    teams: list[StoredRow] = []
    members: list[StoredRow] = []
    for unit in UNITS:
        team = fixed_id(f"team/{unit}")
        teams.append(
            {
                "teamid": team,
                "name": f"{unit} sales",
                "teamtype": 0,
                "businessunitid": _unit_id(rows, unit),
            }
        )
        rows.give_role("team", team, SALESPERSON_ROLE_ID)
        people.team_ids.append(team)
        members += [
            _membership(team, seller.id) for seller in people.sellers if seller.place.unit == unit
        ]
    teams.append({"teamid": fixed_id("team/access"), "name": "Deal room", "teamtype": 1})
    teams.append({"teamid": fixed_id("team/roleless"), "name": "New team", "teamtype": 0})
    rows.add("team", teams)
    rows.add("teammembership", members)


def _unit_id(rows: SeedRows, unit: str) -> str:
    return ROOT_UNIT_ID if "businessunit" in rows.loaded else fixed_id(f"businessunit/{unit}")


def _membership(team: str, user: str) -> StoredRow:
    return {
        "teammembershipid": fixed_id(f"teammembership/{team}/{user}"),
        "teamid": team,
        "systemuserid": user,
    }


def _seed_queues(rows: SeedRows, people: SeededPeople) -> None:
    names = ("Overflow", "Partner leads", "Night desk")
    rows.add(
        "queue",
        [
            {"queueid": fixed_id(f"queue/{name}"), "name": name, "queueviewtype": 0}
            for name in names
        ],
    )
    people.queue_ids = [fixed_id(f"queue/{name}") for name in names]
