"""Whatever text comes in, the parsers and compilers answer or refuse; nothing else is ever raised."""

import re
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.emulator.protocol.batch import (
    BatchContext,
    InnerRequest,
    InnerResponse,
    parse_batch,
    run_batch,
)
from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.fetch.fetchxml import parse_fetchxml
from connector.emulator.query.fetch.plan import plan_fetch, run_fetch
from connector.emulator.query.odata.aggregation import plan_aggregate, run_aggregate
from connector.emulator.query.odata.execution import run_plan
from connector.emulator.query.odata.options import parse_query_options
from connector.emulator.query.odata.path import parse_path, resolve_path
from connector.emulator.query.odata.plan import plan_collection
from connector.emulator.query.sql.context import QueryContext
from connector.emulator.storage.database import Storage
from connector.emulator.storage.sql_functions import like
from tests.unit.emulator.conftest import ROOT, Reader

fuzz = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

WORDS = [
    "subject", "revenue", "statecode", "createdon", "closedate", "donotemail", "interests",
    "_ownerid_value", "ownerid", "parentaccountid", "lead_tags", "name", "eq", "ne", "gt", "le", "and",
    "or", "not", "in", "(", ")", ",", "/", "any", "all", "t:", "t/name", "null", "true", "'x'", "'%'",
    "'a''b'", "1", "-2.5", "1e9", "99999999999999999999", "2026-01-01", "2026-01-01T00:00:00Z", ROOT,
    "contains", "startswith", "Microsoft.Dynamics.CRM.In", "Microsoft.Dynamics.CRM.LastXDays",
    "Microsoft.Dynamics.CRM.Under", "PropertyName='subject'", "PropertyName='createdon'",
    "PropertyValues=['1']", "PropertyValue='5'", "@p", "[", "]", "{", '"', "'", "=", ";", "$select=",
    "$expand=", "$top=", "desc", "*", "groupby", "aggregate", "with sum as", "$count as n", "filter", "+",
    "%", "#", "\\", "ü", "\ud800", "\x00", "\U0001d518",
]  # fmt: skip
phrases = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
tight = st.lists(st.sampled_from(WORDS), max_size=10).map("".join)
texts = phrases | tight | st.text(max_size=40)
OPTIONS = [
    "$filter",
    "$orderby",
    "$select",
    "$expand",
    "$top",
    "$count",
    "$skiptoken",
    "$apply",
    "@p",
    "x",
]


def query_text(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={re.sub('[&+%]', _escape, value)}" for name, value in pairs)


def _escape(match: re.Match[str]) -> str:
    return f"%{ord(match.group()):02X}"


def status_of(action: Callable[[], object]) -> int:
    """200, or the status of the refusal; any other exception ends the test."""
    try:
        action()
    except ODataError as refusal:
        return refusal.status if refusal.message else 0
    return 200


@fuzz
@given(pairs=st.lists(st.tuples(st.sampled_from(OPTIONS), texts), max_size=4))
def test_collection_queries(
    pairs: list[tuple[str, str]], storage: Storage, context: QueryContext
) -> None:
    table = storage.catalog.tables["lead"]

    def read() -> object:
        options = parse_query_options(query_text(pairs))
        if "$apply" in options:
            return run_aggregate(plan_aggregate(table, options, context), storage.connection)
        return run_plan(plan_collection(table, options, context), storage.connection)

    assert status_of(read) in (200, 400, 501)


@fuzz
@given(text=texts)
def test_filters(text: str, read: Reader) -> None:
    assert status_of(lambda: read(query_text([("$filter", text)]))) in (200, 400, 501)


@fuzz
@given(raw=st.text(max_size=60) | st.binary(max_size=60))
def test_raw_query_strings(raw: str | bytes) -> None:
    assert status_of(lambda: parse_query_options(raw)) in (200, 400)


PIECES = [
    "leads",
    "(",
    ")",
    ROOT,
    "/",
    "subject",
    "$ref",
    "$count",
    "='a'",
    "a",
    "'",
    ",",
    "WhoAmI",
    "{",
    "[",
]


@fuzz
@given(path=st.lists(st.sampled_from(PIECES), max_size=10).map("".join) | st.text(max_size=40))
def test_paths(path: str, storage: Storage) -> None:
    assert status_of(lambda: resolve_path(parse_path(path), storage.catalog)) in (200, 400)


ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        [
            "name",
            "from",
            "to",
            "alias",
            "attribute",
            "operator",
            "value",
            "type",
            "link-type",
            "page",
            "count",
            "top",
            "paging-cookie",
            "aggregate",
            "distinct",
            "groupby",
            "dategrouping",
            "entityname",
            "valueof",
            "descending",
        ]
    ),
    st.sampled_from(
        [
            "lead",
            "account",
            "tag",
            "subject",
            "createdon",
            "statecode",
            "ownerid",
            "parentaccountid",
            "accountid",
            "leadid",
            "tagid",
            "eq",
            "like",
            "in",
            "last-x-days",
            "under",
            "null",
            "on",
            "1",
            "0",
            "x",
            "true",
            "outer",
            "inner",
            "any",
            "all",
            "sum",
            "count",
            "day",
            "t",
            "a",
            "<cookie/>",
            "99999",
            "2026-01-01",
        ]
    ),
    max_size=5,
)
ELEMENTS = [
    "entity",
    "link-entity",
    "filter",
    "condition",
    "attribute",
    "order",
    "all-attributes",
    "value",
]


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    tag = draw(st.sampled_from(ELEMENTS))
    attributes = "".join(
        f' {name}="{value.replace("<", "&lt;")}"' for name, value in draw(ATTRIBUTES).items()
    )
    children = draw(st.lists(elements(depth + 1), max_size=3)) if depth < 3 else []
    return f"<{tag}{attributes}>{''.join(children)}</{tag}>"


@fuzz
@given(children=st.lists(elements(), max_size=4), head=ATTRIBUTES)
def test_fetchxml(
    children: list[str], head: dict[str, str], storage: Storage, context: QueryContext
) -> None:
    start = " ".join(f'{name}="{value.replace("<", "&lt;")}"' for name, value in head.items())
    text = f'<fetch {start}><entity name="lead">{"".join(children)}</entity></fetch>'

    def read() -> object:
        plan = plan_fetch(storage.catalog.tables["lead"], parse_fetchxml(text), context)
        return run_fetch(plan, storage.connection, count=True)

    assert status_of(read) in (200, 400, 501)


@fuzz
@given(text=st.text(max_size=80))
def test_any_text_as_fetchxml(text: str, storage: Storage, context: QueryContext) -> None:
    table = storage.catalog.tables["lead"]
    assert status_of(lambda: plan_fetch(table, parse_fetchxml(text), context)) in (200, 400)


LINES = [
    "--B", "--B--", "--C", "--C--", "Content-Type: application/http", "Content-ID: 1", "Content-ID: 2",
    "Content-Type: multipart/mixed; boundary=C", "", "", "GET leads HTTP/1.1", "POST leads HTTP/1.1",
    "PATCH $1 HTTP/1.1", '{"a@odata.bind":"$1"}', "Content-Length: 3", ":", "\x00", "ü", "GET $batch",
]  # fmt: skip


@fuzz
@given(
    body=st.lists(st.sampled_from(LINES), max_size=16).flatmap(
        lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda end: end.join(lines).encode())
    )
    | st.binary(max_size=80)
)
def test_batches(body: bytes, storage: Storage) -> None:
    def execute(request: InnerRequest) -> InnerResponse:
        return InnerResponse(status=200 if request.method == "GET" else 204)

    seam = BatchContext(execute=execute, transaction=storage.transaction, new_id=lambda: "id")
    status = status_of(lambda: run_batch(parse_batch("multipart/mixed; boundary=B", body), seam))
    assert status in (200, 400, 414)


@fuzz
@given(st.text(max_size=10), st.text(alphabet="ab%_[]^-x", max_size=10))
def test_patterns_always_answer(text: str, pattern: str) -> None:
    assert like(pattern, text) in (0, 1)
    assert like("%" + "%", text) == 1
    assert like(None, text) is None


@given(st.text(alphabet="aAbBüÜßéx ", max_size=12))
@fuzz
def test_a_text_matches_itself_in_any_case(text: str) -> None:
    assert like(text, text.swapcase()) == 1
    assert like(f"%{text}%", f"q{text.upper()}q") == 1
