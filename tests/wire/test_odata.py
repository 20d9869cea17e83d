"""How queries are spelled as OData text."""

import pytest

from connector.dataverse.wire.odata import MAX_EXPANDS, build_filter, split_expand
from connector.ports import IS_ACTIVE, Comparator, Comparison, equals

ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.mark.parametrize(
    ("comparison", "text"),
    [
        (IS_ACTIVE, "statecode eq 0"),
        (equals("isdisabled", False), "isdisabled eq false"),
        (equals("isdisabled", True), "isdisabled eq true"),
        (equals("applicationid", None), "applicationid eq null"),
        (equals("subject", "O'Brien"), "subject eq 'O''Brien'"),
        (equals("_ownerid_value", ID), f"_ownerid_value eq {ID}"),
        (Comparison("revenue", Comparator.GE, 10), "revenue ge 10"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_comparison_is_spelled_as_odata(comparison: Comparison, text: str) -> None:
    assert build_filter((comparison,)) == text


def test_several_comparisons_must_all_hold() -> None:
    assert build_filter(()) == ""
    assert (
        build_filter((IS_ACTIVE, equals("_a_value", ID))) == f"statecode eq 0 and _a_value eq {ID}"
    )


def test_as_many_expansions_as_allowed_share_a_query() -> None:
    paths = {f"n{number}": ("name",) for number in range(MAX_EXPANDS)}
    assert [len(group) for group in split_expand(paths)] == [15]
    assert [len(group) for group in split_expand({**paths, "more": ("name",)})] == [15, 1]
