"""`$batch` on the wire: the codec, and what becomes of each part."""

import json
from collections.abc import Callable
from dataclasses import replace
from email.parser import BytesParser
from typing import Any

import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.dataverse.client import DataverseClient
from connector.dataverse.writes.batch import (
    BatchPart,
    decode_batch,
    encode_batch,
    find_boundary,
)
from connector.dataverse.writes.encoding import WriteMarks, build_bypass_headers
from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.ports import RowWrite, WriteOutcome, WriteResult
from tests.wire.conftest import API, Build, Timeline, add_tables, error_body

MIXED = "multipart/mixed; boundary=batchresponse_1"


def part(status: int, body: object = None, **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    payload = b"" if body is None else json.dumps(body).encode()
    return (
        (
            f"--batchresponse_1\r\nContent-Type: application/http\r\n"
            f"Content-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 {status} X\r\n{lines}"
            "OData-Version: 4.0\r\n\r\n"
        ).encode()
        + payload
        + b"\r\n"
    )


def answer(*parts: bytes, closed: bool = True) -> bytes:
    return b"".join(parts) + (b"--batchresponse_1--\r\n" if closed else b"")


def writes(*ids: str, etag: str | None = 'W/"1"') -> list[RowWrite]:
    return [RowWrite(table="lead", id=row_id, etag=etag, columns={"a": 1}) for row_id in ids]


@pytest.fixture
def send(build: Build, wire: responses.RequestsMock) -> Callable[..., list[WriteResult]]:
    """Writes rows in batches of at most ten."""
    add_tables(wire)
    client = build(writes=WriteOptions(way=WriteWay.BATCH, concurrency=1, batch_size=10))

    def run(rows: list[RowWrite], using: DataverseClient = client) -> list[WriteResult]:
        return list(using.write_rows(rows))

    return run


def batches(wire: responses.RequestsMock) -> list[requests.PreparedRequest]:
    return [call.request for call in wire.calls if str(call.request.url).endswith("$batch")]


def test_the_envelope_is_strict() -> None:
    """Servers reject line feeds without carriage returns, absolute URLs, missing content ids."""
    body = encode_batch(
        [
            BatchPart(
                method="PATCH",
                url="/api/data/v9.2/leads(1)",
                headers={"If-Match": "*"},
                body=b'{"a":1}',
            ),
            BatchPart(method="GET", url="/api/data/v9.2/leads?$top=1"),
        ],
        "batch_1",
    )
    assert body == (
        b"--batch_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        b"Content-ID: 1\r\n\r\nPATCH /api/data/v9.2/leads(1) HTTP/1.1\r\n"
        b"Content-Type: application/json; type=entry\r\nIf-Match: *\r\n\r\n"
        b'{"a":1}\r\n'
        b"--batch_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        b"Content-ID: 2\r\n\r\nGET /api/data/v9.2/leads?$top=1 HTTP/1.1\r\n\r\n\r\n"
        b"--batch_1--\r\n"
    )


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/mixed; boundary=batchresponse_1", "batchresponse_1"),
        ('Multipart/Mixed;charset=utf-8; Boundary="a b=c"', "a b=c"),
        ('multipart/mixed; boundary="X1"', "X1"),
        ("application/json", None),
        ("multipart/mixed", None),
        ("", None),
    ],
)
def test_boundaries_are_found_quoted_or_bare(header: str, boundary: str | None) -> None:
    assert find_boundary(header) == boundary


def test_parts_and_change_sets_are_decoded_in_order() -> None:
    inner = (
        b"--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_2\r\n\r\n"
        b"--changesetresponse_2\r\nContent-Type: application/http\r\nContent-ID: 5\r\n\r\n"
        b"HTTP/1.1 204 No Content\r\nOData-EntityId: x(1)\r\n\r\n\r\n"
        b"--changesetresponse_2--\r\n"
    )
    replies = decode_batch(answer(part(200, {"a": 1}), inner, part(412)), MIXED)
    assert [reply.status for reply in replies] == [200, 204, 412]
    assert replies[0].body == b'{"a": 1}'
    assert replies[1].content_id == "5"
    assert replies[1].find_header("odata-entityid") == "x(1)"


def test_a_missing_last_boundary_is_tolerated() -> None:
    replies = decode_batch(answer(part(204), part(400, {"x": 1}), closed=False), MIXED)
    assert [reply.status for reply in replies] == [204, 400]


def test_bare_line_feeds_are_tolerated() -> None:
    body = answer(part(200, {"a": 1})).replace(b"\r\n", b"\n")
    assert decode_batch(body, MIXED)[0].body == b'{"a": 1}'


def test_a_body_may_hold_the_boundary_and_dashes() -> None:
    text = {"description": "see --batchresponse_1-- and -- more"}
    replies = decode_batch(answer(part(200, text), part(204)), MIXED)
    assert json.loads(replies[0].body) == text
    assert len(replies) == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"--b\r\nA: b\r\n\r\nrubbish\r\n--b--", "multipart/mixed; boundary=b"),
    ],
)
def test_what_is_no_batch_response_is_an_error(body: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match="batch response"):
        decode_batch(body, kind)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([200, 204, 400, 412]),
            st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_decoder_agrees_with_the_standard_library(
    parts: list[tuple[int, dict[str, str]]],
) -> None:
    body = answer(*(part(status, payload) for status, payload in parts))
    ours = decode_batch(body, MIXED)
    message = BytesParser().parsebytes(b"Content-Type: " + MIXED.encode() + b"\r\n\r\n" + body)
    theirs: list[tuple[int, Any]] = []
    for item in message.get_payload():
        assert not isinstance(item, str)
        lines = item.get_payload(decode=True)
        assert isinstance(lines, bytes)
        head, _, payload = lines.partition(b"\r\n\r\n")
        theirs.append((int(head.split()[1]), json.loads(payload)))
    assert [(reply.status, json.loads(reply.body)) for reply in ours] == theirs


def test_each_row_of_a_batch_gets_its_own_result(
    send: Callable[..., list[WriteResult]], wire: responses.RequestsMock
) -> None:
    wire.post(
        f"{API}/$batch",
        body=answer(
            part(200, {"@odata.etag": 'W/"2"'}),
            part(404, error_body("0x80040217", "lead With Id = b Does Not Exist")),
            part(403, error_body("0x80040220")),
            part(400, error_body("0x80040265")),
        ),
        content_type=MIXED,
    )
    results = {result.id: result for result in send(writes("a", "b", "c", "d"))}
    assert results["a"].etag == 'W/"2"'
    assert [results[key].outcome for key in "abcd"] == [
        WriteOutcome.APPLIED,
        WriteOutcome.ROW_GONE,
        WriteOutcome.FORBIDDEN,
        WriteOutcome.REFUSED,
    ]
    (sent,) = batches(wire)
    assert sent.headers["Prefer"] == "odata.continue-on-error"
    assert str(sent.headers["Content-Type"]).startswith("multipart/mixed; boundary=")
    assert b'If-Match: W/"1"' in (sent.body or b"")


def test_parts_that_were_throttled_go_again_alone(
    send: Callable[..., list[WriteResult]], wire: responses.RequestsMock, timeline: Timeline
) -> None:
    throttled = part(429, error_body("0x80072321"), Retry_After="15")
    wire.post(f"{API}/$batch", body=answer(part(204), throttled), content_type=MIXED)
    wire.post(f"{API}/$batch", body=answer(part(204)), content_type=MIXED)
    results = send(writes("a", "b"))
    assert [result.outcome for result in results] == [WriteOutcome.APPLIED] * 2
    second = batches(wire)[1].body or b""
    assert b"leads(b)" in second
    assert b"leads(a)" not in second
    assert timeline.slept >= 15


def test_parts_without_an_answer_go_again(
    send: Callable[..., list[WriteResult]], wire: responses.RequestsMock
) -> None:
    """Without continue-on-error the outer status is the failing one and the rest is absent."""
    first = answer(part(204), part(412, error_body("0x80060882")))
    wire.post(f"{API}/$batch", status=412, body=first, content_type=MIXED)
    wire.post(f"{API}/$batch", body=answer(part(204)), content_type=MIXED)
    wire.get(f"{API}/leads(b)", json={"@odata.etag": 'W/"3"', "a": 2})
    results = {result.id: result.outcome for result in send(writes("a", "b", "c"))}
    assert results == {
        "a": WriteOutcome.APPLIED,
        "b": WriteOutcome.CONFLICT,
        "c": WriteOutcome.APPLIED,
    }


def test_a_whole_batch_that_was_throttled_is_sent_again(
    send: Callable[..., list[WriteResult]], wire: responses.RequestsMock
) -> None:
    headers = {"Retry-After": "5"}
    wire.post(f"{API}/$batch", status=429, json=error_body("0x80072322"), headers=headers)
    wire.post(f"{API}/$batch", body=answer(part(204)), content_type=MIXED)
    assert send(writes("a"))[0].outcome is WriteOutcome.APPLIED


def test_a_lost_reply_of_a_batch_is_settled_row_by_row(
    send: Callable[..., list[WriteResult]], wire: responses.RequestsMock
) -> None:
    wire.post(f"{API}/$batch", body=requests.exceptions.ReadTimeout())
    wire.post(
        f"{API}/$batch",
        body=answer(part(412, error_body("0x80060882")), part(204)),
        content_type=MIXED,
    )
    wire.get(f"{API}/leads(a)", json={"@odata.etag": 'W/"2"', "a": 1})
    results = {result.id: result for result in send(writes("a", "b"))}
    assert results["a"].outcome is WriteOutcome.APPLIED
    assert results["a"].etag == 'W/"2"'
    assert results["b"].outcome is WriteOutcome.APPLIED


def test_a_malformed_envelope_fails_its_rows_and_says_so(
    send: Callable[..., list[WriteResult]], wire: responses.RequestsMock
) -> None:
    wire.post(f"{API}/$batch", status=400, json=error_body("0x80060888", "bad batch"))
    results = send(writes("a", "b"))
    assert {result.outcome for result in results} == {WriteOutcome.FAILED}
    assert "bad batch" in str(results[0].message)


def test_large_sets_are_cut_into_batches_of_the_set_size(
    send: Callable[..., list[WriteResult]], wire: responses.RequestsMock
) -> None:
    def reply(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        count = bytes(request.body or b"").count(b"PATCH ")  # type: ignore[arg-type]
        return 200, {"Content-Type": MIXED}, answer(*[part(204)] * count)

    wire.add_callback(responses.POST, f"{API}/$batch", reply, content_type=None)
    results = send(writes(*(str(number) for number in range(25))))
    assert len(results) == 25
    assert len(batches(wire)) == 3


def multiple(build: Build, wire: responses.RequestsMock) -> DataverseClient:
    add_tables(wire)
    return build(writes=WriteOptions(way=WriteWay.MULTIPLE, concurrency=1, batch_size=100))


UPDATE_MULTIPLE = f"{API}/leads/Microsoft.Dynamics.CRM.UpdateMultiple"


def test_update_multiple_is_used_where_the_table_has_it_and_no_version_is_needed(
    build: Build, wire: responses.RequestsMock
) -> None:
    client = multiple(build, wire)
    wire.get(f"{API}/sdkmessagefilters", json={"value": [{"sdkmessagefilterid": "1"}]})
    wire.post(UPDATE_MULTIPLE, status=204)
    results = list(client.write_rows(writes("a", "b", etag=None)))
    assert {result.outcome for result in results} == {WriteOutcome.APPLIED}
    sent = json.loads(wire.calls[-1].request.body or "")
    assert sent["Targets"][0] == {
        "@odata.type": "Microsoft.Dynamics.CRM.lead",
        "leadid": "a",
        "a": 1,
    }


def test_update_multiple_is_not_used_when_a_row_version_counts(
    build: Build, wire: responses.RequestsMock
) -> None:
    client = multiple(build, wire)
    wire.post(f"{API}/$batch", body=answer(part(204)), content_type=MIXED)
    assert next(iter(client.write_rows(writes("a")))).outcome is WriteOutcome.APPLIED


def test_a_table_without_update_multiple_is_written_in_a_batch(
    build: Build, wire: responses.RequestsMock
) -> None:
    client = multiple(build, wire)
    wire.get(f"{API}/sdkmessagefilters", json={"value": []})
    wire.post(f"{API}/$batch", body=answer(part(204)), content_type=MIXED)
    assert len(list(client.write_rows(writes("a", etag=None)))) == 1


def test_a_refused_update_multiple_is_taken_apart_to_find_the_row(
    build: Build, wire: responses.RequestsMock
) -> None:
    client = multiple(build, wire)
    wire.get(f"{API}/sdkmessagefilters", json={"value": [{"sdkmessagefilterid": "1"}]})
    wire.post(UPDATE_MULTIPLE, status=400, json=error_body("0x80040265"))
    wire.post(
        f"{API}/$batch",
        body=answer(part(204), part(400, error_body("0x80040265"))),
        content_type=MIXED,
    )
    outcomes = {r.id: r.outcome for r in client.write_rows(writes("a", "b", etag=None))}
    assert outcomes == {"a": WriteOutcome.APPLIED, "b": WriteOutcome.REFUSED}


def test_update_multiple_carries_the_tag_and_the_bypass_headers(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    marks = WriteMarks(tag="lead robin", headers=build_bypass_headers(bypass=("CustomSync",)))
    client = build(
        writes=WriteOptions(way=WriteWay.MULTIPLE, concurrency=1, batch_size=100), marks=marks
    )
    wire.get(f"{API}/sdkmessagefilters", json={"value": [{"sdkmessagefilterid": "1"}]})
    wire.post(UPDATE_MULTIPLE, status=204)
    list(client.write_rows(writes("a", "b", etag=None)))
    request = wire.calls[-1].request
    assert request.url == f"{UPDATE_MULTIPLE}?tag=lead%20robin"
    assert request.headers["MSCRM.BypassBusinessLogicExecution"] == "CustomSync"


def test_rows_with_different_bypass_headers_do_not_share_an_update_multiple(
    build: Build, wire: responses.RequestsMock
) -> None:
    """Within a batch each part has headers of its own."""
    add_tables(wire)
    headers = build_bypass_headers(suppress_flows=True)
    client = build(
        writes=WriteOptions(way=WriteWay.MULTIPLE, concurrency=1, batch_size=100),
        marks=WriteMarks(headers=headers, rules=frozenset({"UK"})),
    )
    wire.post(f"{API}/$batch", body=answer(part(204), part(204)), content_type=MIXED)
    first, second = writes("a", "b", etag=None)
    assert len(list(client.write_rows([replace(first, rule="UK"), second]))) == 2
    body = bytes(wire.calls[-1].request.body or b"")  # type: ignore[arg-type]
    assert body.count(b"SuppressCallbackRegistrationExpanderJob") == 1
