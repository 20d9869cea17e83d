"""Random writes and queries for the emulator's model test, and what the queries mean in Python."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from hypothesis import strategies as st

from tests.property.emulator_model import (
    BAD_DAYS,
    GOOD_DAYS,
    KEYS,
    Operation,
    Row,
)

LEADS = tuple(str(UUID(int=0xA000 + n)) for n in range(5))
ACCOUNTS = tuple(str(UUID(int=0xB000 + n)) for n in range(3))
NOBODY = str(UUID(int=0xDEAD))
TEXTS = (
    "Alpha",
    "ALPHA",
    "été",
    "ÉTÉ",
    "O'Neil",
    "a&b",
    "x+y",
    "#1 50%",
    "x_y",
    "[b]",
    "Ω",
    " ",
    "",
)
PLAIN_TEXTS = ("alpha", "été", "o'neil", "A&B", "x+y", "#1", "l", "ω")

_text = st.one_of(
    st.sampled_from(TEXTS),
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.just(7),
)
_amount = st.one_of(
    st.none(),
    st.sampled_from([0, 10, 10.5, 99.99, 1e14, -1, 2e14, True, "many"]),
    st.integers(0, 10**6).map(lambda cents: cents / 100),
)
_count = st.sampled_from([None, 0, 5, 50, 1_000_000, 1_000_001, -1, 2.5, "5", 10**9])
_flag = st.sampled_from([None, True, False, 1])
_state = st.sampled_from([0, 0, 0, 1, 2, 9])
_reason = st.sampled_from([1, 2, 3, 4, 5, 7, 99])


@st.composite
def bodies(draw: st.DrawFn, table: str, owners: list[str]) -> Row:
    """A body with a few members in random order; some of them the server refuses."""
    owner = st.sampled_from([*owners, f"/systemusers({NOBODY})"])
    bind = st.sampled_from([*ACCOUNTS, NOBODY]).map(lambda each: f"/accounts({each})")
    shared: dict[str, st.SearchStrategy[Any]] = {
        "revenue": _amount,
        "numberofemployees": _count,
        "statecode": _state,
        "statuscode": _reason,
        "ownerid@odata.bind": owner,
    }
    own: dict[str, st.SearchStrategy[Any]] = {
        "subject": _text,
        "firstname": _text,
        "lastname": _text,
        "leadsourcecode": st.sampled_from([None, 1, 7, 10, 99, "7"]),
        "donotphone": _flag,
        "estimatedclosedate": st.sampled_from([None, *GOOD_DAYS, *BAD_DAYS]),
        "parentaccountid@odata.bind": bind,
        "customerid_account@odata.bind": bind,
        "parentaccountid": st.none(),
    }
    if table == "account":
        number = st.sampled_from([None, "A1", "a1", "B2", "", "x" * 21])
        own = {"name": _text, "accountnumber": number, "creditonhold": _flag}
    chosen = draw(st.lists(st.sampled_from([*own, *own, *shared]), unique=True, max_size=4))
    if "parentaccountid@odata.bind" in chosen and "parentaccountid" in chosen:
        chosen.remove("parentaccountid")
    return {name: draw({**own, **shared}[name]) for name in chosen}


@st.composite
def operations(draw: st.DrawFn, known: dict[str, list[str]], owners: list[str],
               etags: Callable[[str, str], list[str]]) -> Operation:  # fmt: skip
    """One write to a row that is there or not, under every combination of conditions."""
    table = draw(st.sampled_from(["lead", "lead", "account"]))
    pool = [*(LEADS if table == "lead" else ACCOUNTS), *known[table]]
    key = draw(st.sampled_from(pool))
    kinds = ["create", "create", "patch", "patch", "patch", "put", "clear", "delete"]
    kinds += ["set_parent", "clear_parent"] if table == "lead" else ["patch_by_key"]
    kind = draw(st.sampled_from(kinds))
    wants_row = draw(st.booleans()) and kind in ("create", "patch", "patch_by_key")
    match kind:
        case "create":
            body = draw(bodies(table, owners))
            if draw(st.booleans()):
                body = {KEYS[table]: draw(st.sampled_from(pool[:5])), **body}
            return Operation(kind, table, None, body, wants_row=wants_row)
        case "put" | "clear":
            columns = ("subject", "revenue", "leadsourcecode", "donotphone")
            column = draw(st.sampled_from(columns if table == "lead" else ("name", "revenue")))
            value = draw(_amount if column == "revenue" else _text if column in ("subject", "name")
                         else st.sampled_from([None, True, 1, 7, 99]))  # fmt: skip
            body = {"value": value} if kind == "put" else {}
            return Operation(kind, table, key, body, column, draw(_if_match(etags(table, key))))
        case "set_parent":
            body = {"@odata.id": f"/accounts({draw(st.sampled_from([*ACCOUNTS, NOBODY]))})"}
            return Operation(kind, table, key, body, "", draw(_if_match(etags(table, key))))
        case "clear_parent":
            return Operation(kind, table, key)
        case "delete":
            return Operation(kind, table, key, {}, "", draw(_if_match(etags(table, key))))
        case _:
            return draw(_patches(kind, table, key, owners, etags))


@st.composite
def _patches(draw: st.DrawFn, kind: str, table: str, key: str, owners: list[str],
             etags: Callable[[str, str], list[str]]) -> Operation:  # fmt: skip
    if kind == "patch_by_key":
        key = draw(st.sampled_from(["A1", "a1", "B2", "C3"]))
    return Operation(
        kind,
        table,
        key,
        draw(bodies(table, owners)),
        if_match=draw(_if_match(etags(table, key))),
        if_none_match=draw(st.sampled_from([None, None, None, "*"])),
        wants_row=draw(st.booleans()),
    )


def _if_match(etags: list[str]) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, None, "*", 'W/"1"', *etags])


@dataclass(frozen=True)
class Condition:
    """A filter: its text and its meaning under three-valued logic (None = unknown)."""

    text: str
    holds: Callable[[Row, dict[str, Row]], bool | None]


Truth = bool | None


def _compare(operator: str, left: Any, right: Any) -> Truth:
    if right is None:
        return (left is None) == (operator == "eq")
    if left is None:
        return None
    if isinstance(right, str) and len(right) != 36:
        left, right = left.casefold(), right.casefold()
    answers: dict[str, bool] = {
        "eq": left == right, "ne": left != right, "gt": left > right, "ge": left >= right,
        "lt": left < right, "le": left <= right,
    }  # fmt: skip
    return answers[operator]


def _literal(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        is_bare = len(value) == 36 or (len(value) == 10 and value[:2] in ("20", "17"))
        return value if is_bare else "'" + value.replace("'", "''") + "'"
    return str(value)


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    """A column of a lead, or of its account, against a constant."""
    choices: list[tuple[str, list[Any], tuple[str, ...]]] = [
        ("subject", [None, *PLAIN_TEXTS], ("eq", "ne")),
        ("fullname", [None, *PLAIN_TEXTS], ("eq", "ne")),
        ("parentaccountid/name", [None, *PLAIN_TEXTS], ("eq", "ne")),
        ("parentaccountid/revenue", [0, 10, 99.99], ("eq", "ne", "gt", "le")),
        ("revenue", [0, 10, 10.5, 99.99, 500], ("eq", "ne", "gt", "ge", "lt", "le")),
        ("numberofemployees", [0, 5, 50], ("eq", "ne", "gt", "ge", "lt", "le")),
        ("leadsourcecode", [None, 1, 7, 10], ("eq", "ne")),
        ("donotphone", [None, True, False], ("eq", "ne")),
        ("estimatedclosedate", list(GOOD_DAYS), ("eq", "ne", "gt", "ge", "lt", "le")),
        ("statecode", [0, 1, 2], ("eq", "ne")),
        ("_parentaccountid_value", [None, *ACCOUNTS], ("eq", "ne")),
        ("_customerid_value", [None, *ACCOUNTS], ("eq", "ne")),
        ("leadid", list(LEADS), ("eq", "ne")),
    ]
    column, values, operators = draw(st.sampled_from(choices))
    operator, value = draw(st.sampled_from(operators)), draw(st.sampled_from(values))
    text = f"{column} {operator} {_literal(value)}"
    return Condition(
        text, lambda row, accounts: _compare(operator, _cell(row, accounts, column), value)
    )


@st.composite
def text_searches(draw: st.DrawFn) -> Condition:
    """contains, startswith, endswith; unknown where the column is empty."""
    function = draw(st.sampled_from(["contains", "startswith", "endswith"]))
    column = draw(st.sampled_from(["subject", "lastname", "parentaccountid/name"]))
    value = draw(st.sampled_from(PLAIN_TEXTS))

    def holds(row: Row, accounts: dict[str, Row]) -> Truth:
        found = _cell(row, accounts, column)
        if found is None:
            return None
        text, part = str(found).casefold(), value.casefold()
        return {"contains": part in text, "startswith": text.startswith(part),
                "endswith": text.endswith(part)}[function]  # fmt: skip

    return Condition(f"{function}({column},{_literal(value)})", holds)


def _cell(row: Row, accounts: dict[str, Row], column: str) -> Any:
    if "/" not in column:
        return row[column]
    account = accounts.get(row["_parentaccountid_value"])
    return account[column.partition("/")[2]] if account else None


def _both(left: Condition, right: Condition, word: str) -> Condition:
    def holds(row: Row, accounts: dict[str, Row]) -> Truth:
        found = {left.holds(row, accounts), right.holds(row, accounts)}
        decisive = word == "or"
        if decisive in found:
            return decisive
        return None if None in found else not decisive

    return Condition(f"({left.text} {word} {right.text})", holds)


def _negated(inner: Condition) -> Condition:
    def holds(row: Row, accounts: dict[str, Row]) -> Truth:
        found = inner.holds(row, accounts)
        return None if found is None else not found

    return Condition(f"not ({inner.text})", holds)


conditions = st.recursive(
    st.one_of(comparisons(), comparisons(), text_searches()),
    lambda inner: st.one_of(
        st.builds(_both, inner, inner, st.sampled_from(["and", "or"])), st.builds(_negated, inner)
    ),
    max_leaves=5,
)


@dataclass(frozen=True)
class Query:
    """A read of the leads."""

    condition: Condition | None
    orders: tuple[tuple[str, bool], ...]
    page_size: int | None
    top: int | None
    count: bool

    @property
    def url(self) -> str:
        options = ["$select=subject,revenue", "$expand=parentaccountid($select=name)"]
        if self.condition is not None:
            options.append(f"$filter={quote(self.condition.text, safe='')}")
        if self.orders:
            listed = (f"{name} {'desc' if down else 'asc'}" for name, down in self.orders)
            options.append(f"$orderby={quote(','.join(listed), safe='')}")
        if self.top is not None:
            options.append(f"$top={self.top}")
        if self.count:
            options.append("$count=true")
        return "leads?" + "&".join(options)

    def expected(self, leads: dict[str, Row], accounts: dict[str, Row]) -> list[str]:
        """The ids in order, before `$top`."""
        rows = {row_id: {**row, "leadid": row_id} for row_id, row in leads.items()}
        kept = [
            row_id
            for row_id, row in sorted(rows.items())
            if self.condition is None or self.condition.holds(row, accounts) is True
        ]
        for name, down in reversed(self.orders):
            ranks = {row_id: _rank(rows[row_id][name]) for row_id in kept}
            kept.sort(key=ranks.__getitem__, reverse=down)
        return kept


def _rank(value: Any) -> tuple[bool, Any]:
    if isinstance(value, str):
        return (True, value.casefold())
    return (value is not None, value if value is not None else 0)


queries = st.builds(
    Query,
    condition=st.none() | conditions,
    orders=st.lists(
        st.tuples(
            st.sampled_from(
                ["subject", "revenue", "donotphone", "statecode", "estimatedclosedate"]
            ),
            st.booleans(),
        ),
        max_size=2,
        unique_by=lambda each: each[0],
    ).map(tuple),
    page_size=st.none() | st.integers(1, 3),
    top=st.none() | st.integers(0, 4),
    count=st.booleans(),
)
