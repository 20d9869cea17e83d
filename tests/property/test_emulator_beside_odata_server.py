"""Random queries, asked of the emulator and of an independent OData server with the same rows.

Where Dataverse departs from OData the queries keep away: it compares texts without case, reads
wildcards in them, and takes SQL's view of null (a null row never satisfies `ne` or `not`), so texts
are lower-case words and comparisons of columns that may be null ask for `ne null` first.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odatapy.client.client import EdmEnabledODataClient

from tests.support.in_process import ROOT, InProcessEmulator
from tests.support.odata_peers import PEER_ROOT, client_of, peer_of

WORDS = ("amber", "birch", "cedar", "delta", "ember")
VALUES: dict[str, tuple[Any, ...]] = {
    "subject": WORDS,
    "companyname": WORDS,
    "revenue": (0, 12.5, 100, 99_999.75, 1_000_000),
    "estimatedvalue": (0, 0.5, 7, 1e6),
    "numberofemployees": (0, 1, 50, 1_000_000),
    "leadsourcecode": (1, 2, 8, 10),
    "donotemail": (True, False),
    "estimatedclosedate": ("2026-01-31", "2026-11-23", "2027-02-28"),
    "lastonholdtime": ("2026-01-31T23:59:59Z", "2026-11-23T09:00:00Z", "2027-02-28T00:00:00Z"),
    "address1_latitude": (-90, -0.125, 0, 51.5),
}
TEXTS = ("subject", "companyname")
ALWAYS_SET = ("subject", "donotemail", "statecode")
ROWS = 60


@pytest.fixture(scope="module")
def peers() -> Iterator[tuple[EdmEnabledODataClient, EdmEnabledODataClient]]:
    with InProcessEmulator() as emulator:
        dice = Random(7)
        rows = [make_row(dice) for _ in range(ROWS)]
        path = "leads/Microsoft.Dynamics.CRM.CreateMultiple"
        assert emulator.call("POST", path, {"Targets": rows}).status == 200
        client = client_of(emulator)
        yield client, peer_of(client, "leads")


def make_row(dice: Random) -> dict[str, Any]:
    row: dict[str, Any] = {"@odata.type": "Microsoft.Dynamics.CRM.lead"}
    for name, values in VALUES.items():
        if name in ALWAYS_SET or dice.random() < 0.7:
            row[name] = dice.choice(values)
    return row


def literal(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if name in TEXTS else f"{value}"


def guarded(name: str, condition: str) -> str:
    return condition if name in ALWAYS_SET else f"({name} ne null and {condition})"


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(tuple(VALUES)))
    kind = draw(st.sampled_from(("compare", "null", "text")))
    if kind == "null":
        return f"{name} {draw(st.sampled_from(('eq', 'ne')))} null"
    if kind == "text" and name in TEXTS:
        function = draw(st.sampled_from(("contains", "startswith", "endswith")))
        word = draw(st.sampled_from(WORDS))
        start, length = draw(st.integers(0, 3)), draw(st.integers(1, 5))
        return guarded(name, f"{function}({name},'{word[start : start + length]}')")
    operators = (
        ("eq", "ne") if VALUES[name] == (True, False) else ("eq", "ne", "gt", "ge", "lt", "le")
    )
    value = literal(draw(st.sampled_from(VALUES[name])), name)
    return guarded(name, f"{name} {draw(st.sampled_from(operators))} {value}")


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, st.sampled_from(("and", "or")), inner)
    return st.one_of(
        pairs.map(lambda pair: f"({' '.join(pair)})"), inner.map(lambda one: f"not ({one})")
    )


FILTERS = st.recursive(comparisons(), combined, max_leaves=6)
ORDERS = st.lists(
    st.tuples(st.sampled_from(tuple(VALUES)), st.sampled_from(("", " desc"))), max_size=3
)


@given(condition=FILTERS, order=ORDERS, top=st.integers(1, ROWS + 5))
def test_filtered_ordered_and_cut_alike(
    peers: tuple[EdmEnabledODataClient, EdmEnabledODataClient],
    condition: str,
    order: list[tuple[str, str]],
    top: int,
) -> None:
    keys = [name + direction for name, direction in dict(order).items()]
    by = ",".join([*keys, "leadid"])
    query = f"leads?$select=leadid&$filter={condition}&$orderby={by}&$top={top}"
    found, expected = (
        [row.get_value("leadid") for row in client.get_entity_set(f"{root}/{query}").entities]
        for client, root in zip(peers, (ROOT, PEER_ROOT), strict=True)
    )
    assert found == expected, query


@given(condition=FILTERS)
def test_counted_alike(
    peers: tuple[EdmEnabledODataClient, EdmEnabledODataClient], condition: str
) -> None:
    path = f"leads/$count?$filter={condition}"
    emulated, peer = (
        client.get_count(f"{root}/{path}")
        for client, root in zip(peers, (ROOT, PEER_ROOT), strict=True)
    )
    assert emulated == peer, path
