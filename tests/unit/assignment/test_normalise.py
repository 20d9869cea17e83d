"""Wire rows become Records, or RejectedRows that say everything that is wrong with them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.normalise import normalise
from engine.records import EntityReference, Record, RejectedRow
from tests.support.builders import guid, row

LOOKUP = "@Microsoft.Dynamics.CRM.lookuplogicalname"
LABEL = "@OData.Community.Display.V1.FormattedValue"


def reasons(wire: object, **more: Any) -> tuple[str, ...]:
    found = normalise(wire, **more)
    assert isinstance(found, RejectedRow)
    return found.reasons


def test_a_full_row_becomes_a_record() -> None:
    wire = {
        "@odata.type": "#Microsoft.Dynamics.CRM.lead",
        "@odata.etag": 'W/"12"',
        "leadid": "{" + guid(1).upper() + "}",
        "createdon": "2026-11-23T09:00:00Z",
        "modifiedon": "2026-11-23T11:00:00+01:00",
        "_ownerid_value": guid(2),
        f"_ownerid_value{LOOKUP}": "team",
        f"_ownerid_value{LABEL}": "London",
        "_createdby_value": guid(3).upper(),
        "_msdyn_segmentid_value": guid(4),
        "statecode": 0,
    }
    found = normalise(wire)
    assert found == Record(
        table="lead",
        id=guid(1),
        row=wire,
        etag='W/"12"',
        created_on=datetime(2026, 11, 23, 9, tzinfo=UTC),
        modified_on=datetime(2026, 11, 23, 10, tzinfo=UTC),
        owner=EntityReference(table="team", id=guid(2)),
        creator_id=guid(3),
        segment_id=guid(4),
        is_open=True,
    )
    assert isinstance(found, Record)
    assert found.owner is not None
    assert found.owner.name == "London"


def test_an_empty_row_with_an_id_is_enough() -> None:
    found = normalise({"leadid": guid(1)}, table="lead")
    assert found == Record(table="lead", id=guid(1), row={"leadid": guid(1)})


def test_the_primary_key_may_be_named() -> None:
    found = normalise({"activityid": guid(1)}, table="task", primary_id="activityid")
    assert isinstance(found, Record)
    assert found.id == guid(1)


def test_an_owner_is_a_user_unless_the_row_says_team() -> None:
    found = normalise(row(_ownerid_value=guid(2)))
    assert isinstance(found, Record)
    assert found.owner == EntityReference(table="systemuser", id=guid(2))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T09:00:00", datetime(2026, 11, 23, 9, tzinfo=UTC)),
        ("2026-11-23T09:00:00.1234567Z", datetime(2026, 11, 23, 9, 0, 0, 123456, UTC)),
        (datetime(2026, 11, 23, 9), datetime(2026, 11, 23, 9, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_as_utc(value: object, expected: datetime | None) -> None:
    found = normalise(row(createdon=value))
    assert isinstance(found, Record)
    assert found.created_on == expected


@pytest.mark.parametrize(("state", "is_open"), [(0, True), (None, True), (1, False), (3, False)])
def test_only_state_zero_is_open(state: int | None, is_open: bool) -> None:
    found = normalise(row(statecode=state))
    assert isinstance(found, Record)
    assert found.is_open is is_open


OUT_OF_RANGE = "0001-01-01T00:00:00+05:00"


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"leadid": None}, "leadid is missing"),
        ({"leadid": "7"}, "leadid is not a GUID: '7'"),
        ({"leadid": 7}, "leadid is not a GUID: 7"),
        ({"leadid": "{" + guid(1)}, "leadid is not a GUID: '{" + guid(1) + "'"),
        ({"@odata.etag": 7}, "@odata.etag is not text: 7"),
        ({"createdon": "yesterday"}, "createdon is not a date and time: 'yesterday'"),
        ({"createdon": 7}, "createdon is not a date and time: 7"),
        ({"createdon": "2026-02-30"}, "createdon is not a date and time: '2026-02-30'"),
        ({"modifiedon": OUT_OF_RANGE}, f"modifiedon is not a date and time: '{OUT_OF_RANGE}'"),
        ({"_ownerid_value": "me"}, "_ownerid_value is not a GUID: 'me'"),
        ({"_createdby_value": []}, "_createdby_value is not a GUID: []"),
        ({"_msdyn_segmentid_value": "UK"}, "_msdyn_segmentid_value is not a GUID: 'UK'"),
        (
            {"_ownerid_value": guid(1), f"_ownerid_value{LOOKUP}": "queue"},
            "_ownerid_value points to 'queue'; an owner is a systemuser or a team",
        ),
        (
            {"_ownerid_value": guid(1), f"_ownerid_value{LOOKUP}": ["team"]},
            "_ownerid_value points to ['team']; an owner is a systemuser or a team",
        ),
        ({"statecode": "open"}, "statecode is not a whole number: 'open'"),
        ({"statecode": True}, "statecode is not a whole number: True"),
    ],
)
def test_each_bad_value_has_its_reason(columns: dict[str, Any], reason: str) -> None:
    assert reasons(row(**columns)) == (reason,)


def test_all_reasons_are_told_and_the_id_is_kept() -> None:
    found = normalise(row(createdon="x", statecode="y"))
    assert isinstance(found, RejectedRow)
    assert (found.table, found.id) == ("lead", guid(10))
    assert len(found.reasons) == 2


@pytest.mark.parametrize("kind", [None, 7, "", "#Microsoft.Dynamics.CRM."])
def test_a_row_without_its_type_is_rejected(kind: object) -> None:
    found = normalise({"@odata.type": kind, "leadid": guid(1)})
    assert isinstance(found, RejectedRow)
    assert found.table == "unknown"
    assert len(found.reasons) == 1
    assert "@odata.type is missing" in found.reasons[0]


def test_an_odd_type_is_rejected_even_when_the_table_is_given() -> None:
    wire = {"@odata.type": 7, "leadid": guid(1)}
    assert "@odata.type is missing" in reasons(wire, table="lead")[0]


def test_a_row_of_another_table_is_rejected() -> None:
    found = reasons(row(table="account", leadid=guid(1)), table="lead")
    assert found == ("@odata.type says account where rows of lead are expected",)


@pytest.mark.parametrize("wire", [None, [], "lead", 7])
def test_what_is_no_object_is_rejected(wire: object) -> None:
    assert reasons(wire) == ("a row has to be a JSON object",)
    assert normalise(wire, table="lead") == RejectedRow(
        table="lead", id=None, reasons=("a row has to be a JSON object",)
    )


def test_a_reference_equals_references_alone() -> None:
    reference = EntityReference(table="team", id="1", name="North")
    assert reference == EntityReference(table="team", id="1")
    assert reference != ("team", "1", "North")
