"""`$batch`: every envelope real clients send is read, change sets are atomic, answers keep the shape."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from connector.emulator.protocol.batch import (
    BatchContext,
    BatchResponse,
    ChangeSet,
    InnerRequest,
    InnerResponse,
    parse_batch,
    run_batch,
)
from connector.emulator.protocol.errors import ODataError

ROOT = "https://host:1/api/data/v9.2/"


class Service:
    """Remembers what was asked; POST creates, GET of `missing` fails, a failed change set undoes."""

    def __init__(self) -> None:
        self.requests: list[InnerRequest] = []
        self.created: list[str] = []
        self.ids = count(1)

    def execute(self, request: InnerRequest) -> InnerResponse:
        self.requests.append(request)
        if request.target.startswith("missing"):
            raise ODataError(404, "0x80040217", "lead With Id = 1 Does Not Exist")
        if request.target.startswith("stale"):
            body = b'{"error":{"code":"0x80060882","message":"stale"}}'
            return InnerResponse(
                status=412, headers=(("Content-Type", "application/json"),), body=body
            )
        if request.method == "GET":
            headers = (("Content-Type", "application/json; odata.metadata=minimal"),)
            return InnerResponse(status=200, headers=headers, body=b'{"value":[]}')
        if request.method == "POST":
            url = f"{ROOT}{request.target}({next(self.ids)})"
            self.created.append(url)
            named = (("OData-Version", "4.0"), ("OData-EntityId", url), ("X-Secret", "no"))
            return InnerResponse(status=204, headers=named, entity_url=url)
        return InnerResponse(status=204)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = list(self.created)
        try:
            yield
        except BaseException:
            self.created = before
            raise

    def run(
        self, body: str, boundary: str = "B", *, continue_on_error: bool = False
    ) -> BatchResponse:
        numbers = count(1)
        seam = BatchContext(
            execute=self.execute,
            transaction=self.transaction,
            new_id=lambda: f"id{next(numbers)}",
        )
        items = parse_batch(f"multipart/mixed; boundary={boundary}", body.encode())
        return run_batch(items, seam, continue_on_error=continue_on_error)


def part(request: str, *headers: str) -> str:
    head = "\r\n".join(
        ["Content-Type: application/http", "Content-Transfer-Encoding: binary", *headers]
    )
    return f"{head}\r\n\r\n{request}\r\n"


def batch(*parts: str, boundary: str = "B") -> str:
    return "".join(f"--{boundary}\r\n{each}" for each in parts) + f"--{boundary}--\r\n"


def change_set(*parts: str) -> str:
    return f"Content-Type: multipart/mixed; boundary=C\r\n\r\n{batch(*parts, boundary='C')}"


def create(content_id: object, body: str = "{}", target: str = "leads") -> str:
    return part(
        f"POST {target} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}",
        f"Content-ID: {content_id}",
    )


GET = part("GET leads?$top=1 HTTP/1.1\r\nAccept: application/json\r\n\r\n")
FAIL = part("GET missing HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/mixed; boundary=batch_1-2",
        'multipart/mixed;boundary="batch_1-2"',
        'Multipart/Mixed; charset=utf-8; Boundary = "batch_1-2"; x=y',
    ],
)
def test_the_boundary_may_be_quoted_or_bare(content_type: str) -> None:
    (item,) = parse_batch(content_type, batch(GET, boundary="batch_1-2").encode())
    assert isinstance(item, InnerRequest)
    assert (item.method, item.target) == ("GET", "leads?$top=1")


@pytest.mark.parametrize(
    "url",
    [
        "leads(1)?$select=a b",
        "/leads(1)?$select=a b",
        "/api/data/v9.2/leads(1)?$select=a b",
        "/API/data/v9.0/leads(1)?$select=a b",
        "https://other.crm4.dynamics.com/api/data/v9.2/leads(1)?$select=a b",
    ],
)
def test_urls_may_be_absolute_root_relative_or_service_relative(url: str) -> None:
    (item,) = parse_batch(
        "multipart/mixed; boundary=B", batch(part(f"GET {url} HTTP/1.1\r\n\r\n")).encode()
    )
    assert isinstance(item, InnerRequest)
    assert item.target == "leads(1)?$select=a b"


@pytest.mark.parametrize(
    "body",
    [
        "--B\nContent-Type: application/http\n\nGET leads HTTP/1.1\nX-A: b\n\n\n--B--",
        "--B\r\n\r\nGET leads HTTP/1.1\r\nX-A: b\r\n\r\n--B--\r\n",
        "--B\r\nGET leads HTTP/1.1\r\nX-A: b\r\n--B--",
        "preamble\r\n--B  \r\ncontent-transfer-encoding: binary\r\n\r\nget leads http/1.1\r\nX-A: b\r\n\r\n--B--",
        "--B\r\nContent-Type: application/http\r\n\r\nGET leads\r\nX-A:b",
        "\r\n\r\n--B\r\nContent-Type:application/http\r\n\r\n\r\nGET leads HTTP/1.1\r\nX-A:   b  \r\n",
    ],
)
def test_line_ends_missing_headers_and_missing_ends_are_forgiven(body: str) -> None:
    (item,) = parse_batch("multipart/mixed; boundary=B", body.encode())
    assert isinstance(item, InnerRequest)
    assert (item.method, item.target, item.headers) == ("GET", "leads", {"x-a": "b"})


@pytest.mark.parametrize("header", ["Content-ID: 0", "content-id: 0", "CONTENT-ID:0"])
def test_content_ids_count_from_zero_in_any_case(header: str) -> None:
    member = part("POST leads HTTP/1.1\r\n\r\n{}", header)
    (item,) = parse_batch("multipart/mixed; boundary=B", batch(change_set(member)).encode())
    assert isinstance(item, ChangeSet)
    assert item.requests[0].content_id == "0"


def test_the_content_id_may_stand_among_the_inner_headers() -> None:
    member = part("POST leads HTTP/1.1\r\nContent-ID: 7\r\n\r\n{}")
    (item,) = parse_batch("multipart/mixed; boundary=B", batch(change_set(member)).encode())
    assert isinstance(item, ChangeSet)
    assert item.requests[0].content_id == "7"


def test_a_body_is_cut_at_its_content_length() -> None:
    service = Service()
    service.run(batch(part('POST leads HTTP/1.1\r\nContent-Length: 7\r\n\r\n{"a":1}\r\n\r\n')))
    service.run(batch(part('POST leads HTTP/1.1\r\n\r\n{"a":1}\n')))
    assert [json.loads(request.body) for request in service.requests] == [{"a": 1}] * 2
    assert service.requests[0].body == b'{"a":1}'


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (batch(change_set(part("GET leads HTTP/1.1\r\n\r\n", "Content-ID: 1"))), "0x80048d19", "'GET'"),
        (batch(change_set(part("POST leads HTTP/1.1\r\n\r\n{}"))), "0x80060888", "Content-ID header not present"),
        (batch(change_set(create(1), create(1))), "0x80048d19", "found more than once"),
        (batch(change_set(change_set(create(1)))), "0x80048d19", "another change set"),
        (batch(part("POST /api/data/v9.2/$batch HTTP/1.1\r\n\r\n")), "0x80048d19", "another batch"),
        (batch("Content-Type: multipart/mixed\r\n\r\nx"), "0x80048d19", "needs a boundary"),
        (batch(part("nonsense\r\n\r\n")), "0x80048d19", "Invalid request line"),
        (batch(part("BREW leads HTTP/1.1\r\n\r\n")), "0x80048d19", "Invalid request line"),
        ("no boundary here", "0x80048d19", "was not found in the message"),
        (batch(*[GET] * 1001), "0x80048d19", "'1000'"),
        (batch(part(f"GET leads?$filter={'x' * 66000} HTTP/1.1\r\n\r\n")), "0x80060888", "too long"),
    ],
)  # fmt: skip
def test_bad_envelopes_execute_nothing(body: str, code: str, message: str) -> None:
    service = Service()
    with pytest.raises(ODataError) as refusal:
        service.run(body)
    assert message in refusal.value.message
    assert refusal.value.code == code
    assert refusal.value.status in (400, 414)
    assert service.requests == []


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/mixed", "", "text/plain; boundary=B"]
)
def test_other_content_types_are_refused(content_type: str) -> None:
    with pytest.raises(ODataError, match="multipart/mixed"):
        parse_batch(content_type, b"--B--")


def test_a_thousand_requests_are_served() -> None:
    members = [create(number) for number in range(998)]
    service = Service()
    assert service.run(batch(change_set(*members), GET, GET)).status == 200
    assert len(service.requests) == 1000


def test_the_answer_has_dataverses_shape() -> None:
    response = Service().run(batch(change_set(create(1)), GET))
    assert (response.status, response.content_type) == (
        200,
        "multipart/mixed; boundary=batchresponse_id1",
    )
    assert response.body.decode().split("\r\n") == [
        "--batchresponse_id1",
        "Content-Type: multipart/mixed; boundary=changesetresponse_id2",
        "",
        "--changesetresponse_id2",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "Content-ID: 1",
        "",
        "HTTP/1.1 204 No Content",
        "OData-Version: 4.0",
        f"OData-EntityId: {ROOT}leads(1)",
        f"Location: {ROOT}leads(1)",
        "",
        "",
        "--changesetresponse_id2--",
        "--batchresponse_id1",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        "HTTP/1.1 200 OK",
        "Content-Type: application/json; odata.metadata=minimal; odata.streaming=true",
        "OData-Version: 4.0",
        "",
        '{"value":[]}',
        "--batchresponse_id1--",
        "",
    ]


def test_the_first_failure_ends_the_batch_with_its_status() -> None:
    service = Service()
    response = service.run(batch(GET, FAIL, GET))
    assert response.status == 404
    text = response.body.decode()
    assert text.count("HTTP/1.1 ") == 2
    assert '{"error": {"code": "0x80040217", "message": "lead With Id = 1 Does Not Exist"}}' in text
    assert "REQ_ID: " in text
    assert len(service.requests) == 2


def test_with_continue_on_error_everything_is_answered() -> None:
    response = Service().run(batch(FAIL, GET, FAIL, GET), continue_on_error=True)
    assert response.status == 200
    assert response.body.decode().count("HTTP/1.1 404") == 2
    assert response.body.decode().count("HTTP/1.1 200") == 2


def test_a_failed_change_set_is_rolled_back_and_answered_by_one_part() -> None:
    service = Service()
    members = change_set(create(1), create(2, target="stale"), create(3))
    response = service.run(batch(members, GET))
    text = response.body.decode()
    assert response.status == 412
    assert service.created == []
    assert text.count("HTTP/1.1 ") == 1
    assert "Content-ID: 2" in text
    assert "changesetresponse_" in text
    assert len(service.requests) == 2
    assert service.run(batch(members, GET), continue_on_error=True).status == 200


def test_references_resolve_in_urls_and_bound_properties_only() -> None:
    service = Service()
    body = json.dumps(
        {
            "a@odata.bind": "$1",
            "b@odata.bind": "/$1",
            "c@odata.bind": "/accounts(1)",
            "d@odata.bind": ["$1"],
            "nested": {"e@odata.bind": "$1", "@odata.id": "$1"},
            "subject": "$1",
        }
    )
    members = change_set(
        create(1, target="accounts"),
        create(2, body),
        part('PUT $1/owner/$ref HTTP/1.1\r\n\r\n{"@odata.id":"$2"}', "Content-ID: 3"),
        part("DELETE /$2?tag=x HTTP/1.1\r\n\r\n", "Content-ID: 4"),
        part("PATCH accounts(9) HTTP/1.1\r\n\r\n{}", "Content-ID: 5"),
        part("DELETE /api/data/v9.2/$5 HTTP/1.1\r\n\r\n", "Content-ID: 6"),
    )
    assert service.run(batch(members)).status == 200
    first, second = f"{ROOT}accounts(1)", f"{ROOT}leads(2)"
    assert json.loads(service.requests[1].body) == {
        "a@odata.bind": first,
        "b@odata.bind": first,
        "c@odata.bind": "/accounts(1)",
        "d@odata.bind": [first],
        "nested": {"e@odata.bind": first, "@odata.id": first},
        "subject": "$1",
    }
    assert service.requests[2].target == "accounts(1)/owner/$ref"
    assert json.loads(service.requests[2].body) == {"@odata.id": second}
    assert [request.target for request in service.requests[3:]] == [
        "leads(2)?tag=x",
        "accounts(9)",
        "accounts(9)",
    ]


@pytest.mark.parametrize(
    "second",
    [create(2, '{"a@odata.bind":"$1"}'), part("PATCH $1 HTTP/1.1\r\n\r\n{}", "Content-ID: 2")],
)
def test_references_reach_no_further_than_their_change_set(second: str) -> None:
    response = Service().run(batch(change_set(create(1)), change_set(second)))
    assert response.status == 400
    assert (
        "Content-ID Reference: '$1' does not exist in the batch context." in response.body.decode()
    )


def test_a_body_that_is_not_json_reaches_the_executor_as_it_is() -> None:
    service = Service()
    service.run(batch(change_set(create(1, "{$1 @odata. ünï"))))
    assert service.requests[0].body == "{$1 @odata. ünï".encode()


def test_an_empty_batch_and_an_empty_change_set_are_answered() -> None:
    assert Service().run("--B--\r\n").body == b"--batchresponse_id1--\r\n"
    assert Service().run(batch(change_set())).status == 200
