"""Pages decoded for a query hold what an untyped decoder finds, less what nobody asked for."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from connector.dataverse.reads.row_decoding import choose_decoder, list_members
from connector.dataverse.wire.odata import FORMATTED, LOOKUP_TABLE
from connector.dataverse.wire.payloads import decode_collection
from connector.ports import TableQuery

QUERY = TableQuery(
    table="lead",
    columns=("subject", "statuscode", "_ownerid_value", "estimatedamount", 'a"b\\'),
    labelled=("statuscode", "_ownerid_value"),
    expand={"parentaccountid": ("name",), "parentaccountid/owner": (), "Lead_Tasks": ("subject",)},
)
ASKED = tuple(list_members(QUERY, "leadid"))
UNASKED = (
    "_transactioncurrencyid_value",
    f"_transactioncurrencyid_value@{LOOKUP_TABLE}",
    f"subject@{FORMATTED}",
    "subjec",
    "subject ",
    "",
)
VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**70), 2**70)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
ROWS = some.lists(some.dictionaries(some.sampled_from(ASKED + UNASKED), VALUES), max_size=5)
PAGES = some.fixed_dictionaries(
    {"value": ROWS},
    optional={
        "@odata.context": some.text(),
        "@odata.nextLink": some.none() | some.text(),
        "@odata.deltaLink": some.none() | some.text(),
        "@Microsoft.Dynamics.CRM.globalmetadataversion": some.text(),
    },
)


@given(page=PAGES, ascii_only=some.booleans())
def test_a_typed_page_is_the_untyped_page_less_what_nobody_asked_for(
    page: dict[str, Any], ascii_only: bool
) -> None:
    body = json.dumps(page, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        plain = decode_collection(body)
    except msgspec.DecodeError:
        with pytest.raises(msgspec.DecodeError):
            choose_decoder(QUERY, "leadid").decode(body)
        return
    typed = choose_decoder(QUERY, "leadid").decode(body)
    assert typed.value == [
        {key: value for key, value in row.items() if key in ASKED} for row in plain.value
    ]
    assert [list(row) for row in typed.value] == [
        [key for key in row if key in ASKED] for row in plain.value
    ]
    assert (typed.next_link, typed.delta_link) == (plain.next_link, plain.delta_link)
    assert typed.metadata_version == plain.metadata_version


def test_values_keep_their_types() -> None:
    """A number that looks like text stays text, and a whole number stays whole."""
    body = b'{"value":[{"subject":"7","statuscode":2,"estimatedamount":2.0,"leadid":null}]}'
    (row,) = choose_decoder(QUERY, "leadid").decode(body).value
    assert [(key, value, type(value)) for key, value in row.items()] == [
        ("subject", "7", str),
        ("statuscode", 2, int),
        ("estimatedamount", 2.0, float),
        ("leadid", None, type(None)),
    ]


def test_a_column_of_a_kind_nobody_expected_is_kept_as_it_came() -> None:
    body = b'{"value":[{"subject":{"a":[1]},"leadid":"1","statuscode":"none"}]}'
    (row,) = choose_decoder(QUERY, "leadid").decode(body).value
    assert row == {"subject": {"a": [1]}, "leadid": "1", "statuscode": "none"}


def test_without_a_choice_of_labels_every_column_keeps_its_annotations() -> None:
    plain = TableQuery(table="lead", columns=("createdon", "_ownerid_value"))
    row = {
        f"createdon@{FORMATTED}": "3/31/2026 2:05 PM",
        "createdon": "2026-03-31T12:05:09Z",
        f"_ownerid_value@{LOOKUP_TABLE}": "team",
        "_ownerid_value": "1",
        f"leadid@{FORMATTED}": "odd",
        "leadid": "2",
    }
    body = json.dumps({"value": [row]}).encode()
    assert choose_decoder(plain, "leadid").decode(body).value == [row]


def test_a_row_without_members_stays_a_row() -> None:
    assert choose_decoder(QUERY, "leadid").decode(b'{"value":[{},{"x":1}]}').value == [{}, {}]


def test_a_page_without_rows_and_an_empty_body_are_empty_pages() -> None:
    decoder = choose_decoder(QUERY, "leadid")
    assert decode_collection(b"  \r\n", decoder).value == []
    assert decode_collection(b'{"@odata.deltaLink":"d"}', decoder).delta_link == "d"


def test_a_name_beyond_ascii_leaves_the_page_untyped() -> None:
    query = TableQuery(table="lead", columns=("pr\u00e9nom",))
    body = b'{"value":[{"":1,"pr\xc3\xa9nom":"Zo\xc3\xab"}]}'
    (row,) = choose_decoder(query, "leadid").decode(body).value
    assert row == {"": 1, "pr\u00e9nom": "Zo\u00eb"}
