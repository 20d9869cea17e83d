"""Generators of condition trees and of rows, well-formed and not."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from engine.conditions.evaluation.cells import LABEL_SUFFIX
from engine.conditions.evaluation.periods import FISCAL_PERIODS
from engine.conditions.language.context import DateSettings
from engine.conditions.language.model import (
    All,
    Any,
    Compare,
    CompareColumns,
    Not,
    Operator,
    Related,
    SellerAttribute,
)
from engine.conditions.language.moments import parse_moment
from engine.conditions.language.operators import COLUMN_OPERATORS, FACTS, ValueKind
from engine.schema import Column, ColumnType, Relationship, RelationshipKind, TableSchema

_TYPES = {
    "city": ColumnType.STRING,
    "notes": ColumnType.MEMO,
    "count": ColumnType.INTEGER,
    "revenue": ColumnType.MONEY,
    "source": ColumnType.CHOICE,
    "interests": ColumnType.MULTI_CHOICE,
    "optout": ColumnType.BOOLEAN,
    "createdon": ColumnType.DATETIME,
    "closedate": ColumnType.DATE,
    "ownerid": ColumnType.OWNER,
    "accountid": ColumnType.UNIQUEIDENTIFIER,
    "parentaccountid": ColumnType.LOOKUP,
}
_OPTIONS = {1: "Web", 2: "Straße", 7: "Trade Show"}


def _table(
    name: str, key: str, **relationships: tuple[RelationshipKind, str, str | None]
) -> TableSchema:
    return TableSchema(
        name=name,
        entity_set=name + "s",
        primary_id=key,
        primary_name=None,
        columns={
            column: Column(
                name=column,
                type=kind,
                options=_OPTIONS
                if kind in {ColumnType.CHOICE, ColumnType.MULTI_CHOICE}
                else ({0: "No", 1: "Yes"} if kind is ColumnType.BOOLEAN else {}),
            )
            for column, kind in _TYPES.items()
        },
        relationships={
            navigation: Relationship(navigation=navigation, kind=kind, table=table, column=column)
            for navigation, (kind, table, column) in relationships.items()
        },
        is_complete=True,
    )


LEAD = _table(
    "lead",
    "leadid",
    parentaccountid=(RelationshipKind.MANY_TO_ONE, "account", "parentaccountid"),
    lead_tasks=(RelationshipKind.ONE_TO_MANY, "task", "regardingobjectid"),
    listlead_association=(RelationshipKind.MANY_TO_MANY, "list", None),
)
ACCOUNT = _table(
    "account",
    "accountid",
    primarycontactid=(RelationshipKind.MANY_TO_ONE, "contact", "primarycontactid"),
)
SCHEMA = {
    "lead": LEAD,
    "account": ACCOUNT,
    "task": _table("task", "activityid"),
    "list": _table("list", "listid"),
    "contact": _table("contact", "contactid"),
}
GUIDS = tuple(f"0000000{digit}-aaaa-4bbb-8ccc-00000000000{digit}" for digit in range(4))
HIERARCHIES = {"account": {GUIDS[0]: GUIDS[1], GUIDS[1]: GUIDS[2], GUIDS[2]: GUIDS[0]}}
ZONES = (
    "UTC",
    "Europe/London",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Asia/Beirut",
)

_words = st.sampled_from(
    [
        "London",
        "LONDON",
        "straße",
        "STRASSE",
        "Zürich",
        "İzmir",
        "",
        " ",
        "a%b",
        "lo_don",
        "7",
        "07",
    ]
)
_texts = st.one_of(_words, st.text(alphabet="aAbBsS%_[]^-ßéÉé1", max_size=6))
_numbers = st.one_of(
    st.integers(-3, 12),
    st.sampled_from([10**17, -(10**17), 0.1, 0.5, 7.0, -0.0, True, False]),
)
_edges = st.sampled_from(
    [
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
        datetime(2026, 11, 1, 6, tzinfo=UTC),
        datetime(2026, 3, 28, 22, tzinfo=UTC),
        datetime(2024, 2, 29, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 23, 9, 0, 0, 500_000, tzinfo=UTC),
    ]
)
instants = st.builds(
    lambda edge, seconds: edge + timedelta(seconds=seconds),
    _edges,
    st.one_of(
        st.sampled_from([0, 1, -1, 3600, -3600, 86_400, -86_400]), st.integers(-(10**8), 10**8)
    ),
)


def _wire(instant: datetime) -> str:
    return instant.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


_times = st.one_of(
    instants.map(_wire),
    instants.map(lambda instant: instant.date().isoformat()),
    instants.map(lambda instant: instant.isoformat()),
    st.sampled_from(
        [
            "2026-13-45T99:99:99Z",
            "2026-02-30",
            "2026-02-30T00:00:00Z",
            "2026-W48-1T09:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23 09:00:00Z",
            "2026-11-23T09:00:00+05:30",
            "2026-11-23T09:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31",
            "2026-11-23T09:00:00Zx",
        ]
    ),
)
_guids = st.sampled_from([*GUIDS, GUIDS[1].upper()])
_lists = st.sampled_from(["1,9", "1,2", "2", "7, 1", "x", "1,x", "-1"])
_junk = st.sampled_from([[], [1], {}, {"a": 1}, b"x", Decimal(7), Decimal("0.1"), float("nan")])

_SUITED = {
    "city": _texts,
    "notes": _texts,
    "count": st.integers(-3, 12),
    "revenue": _numbers,
    "source": st.sampled_from([1, 2, 7, 9]),
    "interests": _lists,
    "optout": st.booleans(),
    "createdon": _times,
    "closedate": _times,
    "accountid": _guids,
    "new_any": st.one_of(_texts, _numbers, _times, _guids),
}


def _any_cell() -> st.SearchStrategy[object]:
    return st.one_of(st.none(), _texts, _numbers, _times, _guids, _lists, _junk)


def _sometimes(cells: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), cells, cells, cells)


_LABELS = st.sampled_from(["Web", "STRASSE", "Trade show", "Web; trade show"])
_OPTIONAL = {
    **{name: _sometimes(cells) for name, cells in _SUITED.items()},
    **{f"_{name}_value": _sometimes(_guids) for name in ("ownerid", "parentaccountid", "new_any")},
    **{name + LABEL_SUFFIX: _LABELS for name in ("source", "new_any", "interests")},
}
_ODD: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.just({}), st.dictionaries(st.sampled_from(list(_SUITED)), _any_cell(), max_size=1)
)


def rows(depth: int = 2) -> st.SearchStrategy[dict[str, object]]:
    """A wire row; one column in some rows holds what it should not."""
    optional: dict[str, st.SearchStrategy[object]] = dict(_OPTIONAL)
    if depth:
        one, many = st.none() | rows(depth - 1), st.lists(rows(0), max_size=2)
        optional |= {"parentaccountid": one, "primarycontactid": one}
        optional |= {"lead_tasks": many, "listlead_association": many}
    return st.builds(
        lambda suited, odd: suited | odd, st.fixed_dictionaries({}, optional=optional), _ODD
    )


_COLUMNS = (*_SUITED, "ownerid", "_ownerid_value", "parentaccountid", "optout")
_paths = st.one_of(
    st.sampled_from(_COLUMNS).map(lambda name: (name,)),
    st.sampled_from(_COLUMNS).map(lambda name: ("parentaccountid", name)),
    st.sampled_from(_COLUMNS).map(lambda name: ("parentaccountid", "primarycontactid", name)),
)
_scalars = st.one_of(
    _texts, _numbers, _times, _guids, st.sampled_from(["Web", "yes", "{" + GUIDS[0] + "}"])
)
_VALUES = {
    ValueKind.NONE: st.none(),
    ValueKind.SCALAR: _scalars,
    ValueKind.LIST: st.lists(_scalars, min_size=1, max_size=4).map(tuple),
    ValueKind.PAIR: st.tuples(_scalars, _scalars),
    ValueKind.COUNT: st.one_of(st.integers(1, 40), st.just(10**12)),
    ValueKind.DAY: _times.filter(lambda text: parse_moment(text) is not None),
    ValueKind.PERIOD: st.integers(1, 13),
    ValueKind.YEAR: st.sampled_from([1, 2024, 2025, 2026, 2027, 9999]),
    ValueKind.PERIOD_AND_YEAR: st.tuples(st.integers(1, 13), st.sampled_from([1, 2026, 9999])),
}


@st.composite
def compares(draw: st.DrawFn, paths: st.SearchStrategy[tuple[str, ...]] = _paths) -> Compare:
    """A comparison whose value suits its operator, of a column that it may or may not suit."""
    operator = draw(st.sampled_from(Operator))
    path = draw(paths)
    values = _VALUES[FACTS[operator].takes]
    name = path[-1]
    if FACTS[operator].takes is ValueKind.SCALAR and name in _SUITED and draw(st.booleans()):
        values = _SUITED[name]
    return Compare(path, operator, draw(values))


_columns = st.builds(
    CompareColumns,
    _paths,
    st.sampled_from(sorted(COLUMN_OPERATORS)),
    _paths,
    st.booleans(),
)
_attributes = st.one_of(
    st.builds(
        SellerAttribute,
        st.sampled_from(["Language", "language", "Region"]),
        st.sampled_from([Operator.IN, Operator.EQ, Operator.NE]),
        st.lists(st.sampled_from(["English", "GERMAN"]), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        SellerAttribute, st.just("Language"), st.sampled_from([Operator.NULL, Operator.NOT_NULL])
    ),
)
_navigations = st.sampled_from(
    [
        ("parentaccountid",),
        ("lead_tasks",),
        ("listlead_association",),
        ("parentaccountid", "primarycontactid"),
    ]
)
_flat_paths = st.sampled_from(_COLUMNS).map(lambda name: (name,))


def trees(leaves: st.SearchStrategy | None = None) -> st.SearchStrategy:
    """A condition tree of moderate size."""
    related = st.builds(
        Related,
        _navigations,
        st.booleans(),
        st.one_of(
            st.none(),
            compares(_flat_paths),
            st.lists(compares(_flat_paths), min_size=1, max_size=2).map(
                lambda each: Any(tuple(each))
            ),
        ),
    )
    base = leaves or st.one_of(compares(), compares(), compares(), _columns, related, _attributes)
    return st.recursive(
        base,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4).map(lambda each: All(tuple(each))),
            st.lists(inner, max_size=4).map(lambda each: Any(tuple(each))),
            inner.map(Not),
        ),
        max_leaves=8,
    )


date_settings = st.builds(
    DateSettings,
    time_zone=st.sampled_from(ZONES),
    week_starts_on=st.sampled_from(["sunday", "monday", "saturday"]),
    fiscal_year_start=st.sampled_from(["01-01", "04-06", "07-31", "02-29"]),
    fiscal_period=st.sampled_from(list(FISCAL_PERIODS)),
)
attributes: st.SearchStrategy[dict[str, tuple[str, ...]] | None] = st.one_of(
    st.none(), st.just({}), st.just({"Language": ("English",), "region": ("North",)})
)
