"""Microsoft's own assignment rows in the seed: segments, rules (inactive), sequences, settings."""

import json

from connector.emulator.organization.organization import SALESPERSON_ROLE_ID, fixed_id
from connector.emulator.seed.people import SeededPeople
from connector.emulator.seed.rows import SeedRows
from connector.emulator.storage.database import StoredRow

TABLE_CODES = {"lead": 4, "opportunity": 3}
SEQUENCES = (
    ("Trade-show follow-up", "lead", 3),
    ("Web enquiry", "lead", 2),
    ("Deal nurturing", "opportunity", 4),
    ("Insight outreach", "msdyn_salessuggestion", 2),
)
SEGMENTS = (
    ("Trade shows", "lead", "leadsourcecode", "7", "Trade-show follow-up"),
    ("Web leads", "lead", "leadsourcecode", "8", "Web enquiry"),
    ("Hot opportunities", "opportunity", "opportunityratingcode", "1", "Deal nurturing"),
)


_ASSIGNMENT_SETTING: StoredRow = {
    "msdyn_salesassignmentsettingid": fixed_id("salesassignmentsetting"),
    "msdyn_name": "Sales assignment setting",
    "msdyn_roundrobinscope": 0,
    "msdyn_defaultcapacity": 50,
}
_ACCELERATION_SETTING: StoredRow = {
    "msdyn_salesaccelerationsettingsid": fixed_id("salesaccelerationsettings"),
    "msdyn_name": "Default",
    "msdyn_isdefaultsetting": 1,
    "msdyn_securityrolesassignmentrules": json.dumps([SALESPERSON_ROLE_ID]),
    "statecode": 1,
    "statuscode": 3,
}


def seed_assignment_tables(rows: SeedRows, people: SeededPeople) -> None:
    """Rows an organization that used work assignment would have; its rules are switched off."""
    rows.add("msdyn_sequence", [_sequence(*each) for each in SEQUENCES])
    rows.add("msdyn_segment", [_segment(*each) for each in SEGMENTS])
    rows.add("msdyn_segmentattribute", [_priorities(table) for table in TABLE_CODES])
    rules = [_rule(each[0], each[1], order, people) for order, each in enumerate(SEGMENTS, 1)]
    rows.add("msdyn_assignmentrule", rules)
    rows.add("msdyn_salesassignmentsetting", [_ASSIGNMENT_SETTING])
    rows.add("msdyn_salesaccelerationsettings", [_ACCELERATION_SETTING])


def _sequence(name: str, table: str, steps: int) -> StoredRow:
    return {
        "msdyn_sequenceid": fixed_id(f"sequence/{name}"),
        "msdyn_name": name,
        "msdyn_regardingentityname": table,
        "msdyn_type": 0,
        "msdyn_version": 1,
        "msdyn_maxstepcount": steps,
        "msdyn_totaltasks": steps,
        "msdyn_assignsequencetype": 0,
        "msdyn_orchestratorversion": 2,
        "statecode": 1,
        "statuscode": 2,
    }


def _segment(name: str, table: str, column: str, value: str, sequence: str) -> StoredRow:
    return {
        "msdyn_segmentid": fixed_id(f"segment/{name}"),
        "msdyn_name": name,
        "msdyn_objecttype": table,
        "msdyn_objecttypecode": TABLE_CODES[table],
        "msdyn_entityfilter": f'<filter type="and"><condition attribute="{column}" operator="eq" '
        f'value="{value}" /></filter>',
        "msdyn_sequence": fixed_id(f"sequence/{sequence}"),
        "statecode": 0,
        "statuscode": 1,
    }


def _priorities(table: str) -> StoredRow:
    ordered = [fixed_id(f"segment/{name}") for name, of, *_ in SEGMENTS if of == table]
    return {
        "msdyn_segmentattributeid": fixed_id(f"segmentattribute/{table}"),
        "msdyn_name": table,
        "msdyn_objecttype": table,
        "msdyn_segmentpriorityorder": json.dumps(ordered),
    }


def _rule(segment: str, table: str, order: int, people: SeededPeople) -> StoredRow:
    named = [seller.id for seller in people.sellers[:3]]
    return {
        "msdyn_assignmentruleid": fixed_id(f"assignmentrule/{segment}"),
        "msdyn_name": f"{segment} to sellers",
        "msdyn_objecttype": table,
        "msdyn_objecttypecode": TABLE_CODES[table],
        "msdyn_segmentid": fixed_id(f"segment/{segment}"),
        "msdyn_matchtype": 1 if named else 2,
        "msdyn_specificsellersorteams": json.dumps(named) if named else None,
        "msdyn_distributeto": 0,
        "msdyn_distributiontype": 0,
        "msdyn_assignmentwindow": 24,
        "msdyn_evaluationorder": order,
        "statecode": 1,
        "statuscode": 2,
    }
