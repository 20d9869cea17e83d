"""Nothing a client can send gives a 500 or no answer: odd requests one by one, and random ones."""

import json
import random
import socket
from contextlib import closing

import pytest

from tests.contract.emulator.conftest import Api

ROOT = "/api/data/v9.2"
SEED = 20261123


class Wire:
    """Sends bytes as they are and reads one answer."""

    def __init__(self, api: Api) -> None:
        host, _, port = api.server.url.removeprefix("http://").partition(":")
        self.address = (host, int(port))
        self.token = str(api.session.headers["Authorization"])

    def send(self, data: bytes, *, half_close: bool = False) -> tuple[int, bytes]:
        """The status and body of the answer; 0 when the connection was closed without one."""
        with closing(socket.create_connection(self.address, timeout=20)) as connection:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as answer:
                first = answer.readline()
                if not first.strip():
                    return (0, first)
                length = 0
                while (line := answer.readline()).strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                body = b"" if data.startswith(b"HEAD") else answer.read(length)
                return int(first.split(b" ")[1]), body

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        fixed = {
            "Host": "emulator",
            "Authorization": self.token,
            "Content-Length": str(len(body)),
            "Connection": "close",
            **(headers or {}),
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fixed.items()), "", ""]
        return self.send("\r\n".join(lines).encode("latin-1", "replace") + body)


@pytest.fixture
def wire(api: Api) -> Wire:
    return Wire(api)


JSON = {"Content-Type": "application/json"}
BODIES = {
    "empty": b"",
    "spaces": b"   ",
    "not_json": b"subject=x",
    "cut_short": b'{"subject": "x',
    "array": b"[]",
    "text": b'"x"',
    "null": b"null",
    "nan": b'{"revenue": NaN}',
    "infinity": b'{"revenue": Infinity}',
    "huge_number": b'{"revenue": 1e400}',
    "huge_whole": b'{"numberofemployees": 99999999999999999999999999}',
    "long_digits": b'{"numberofemployees": ' + b"9" * 6000 + b"}",
    "deep_arrays": b'{"subject": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deep_objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "invalid_utf8": b'{"subject": "\xff\xfe"}',
    "lone_surrogate": b'{"subject": "\\ud800"}',
    "zero_character": b'{"subject": "a\\u0000b"}',
    "bom": b'\xef\xbb\xbf{"subject": "x"}',
    "utf16": '{"subject": "x"}'.encode("utf-16"),
    "repeated_name": b'{"subject": "a", "subject": "b"}',
    "empty_name": b'{"": 1}',
    "at_names": b'{"@odata.type": 1, "@": 2, "subject@": 3, "@odata.bind": "/x(1)"}',
    "bind_number": b'{"ownerid@odata.bind": 5}',
    "bind_array": b'{"ownerid@odata.bind": ["/systemusers(1)"]}',
    "bind_nonsense": b'{"ownerid@odata.bind": "/systemusers(((("}',
    "bind_loop": b'{"ownerid@odata.bind": "$1"}',
    "nested_number": b'{"parentaccountid": 7}',
    "nested_list": b'{"lead_addresses": 7, "Lead_Tasks": [1]}',
    "wrong_types": b'{"subject": {"a": 1}, "donotemail": "yes", "leadsourcecode": "web"}',
    "year_zero": b'{"estimatedclosedate": "0000-00-00"}',
    "far_date": b'{"estimatedclosedate": "99999-01-01"}',
    "state_text": b'{"statecode": "open", "statuscode": []}',
    "long_text": b'{"subject": "' + b"x" * 100_000 + b'"}',
}
PATHS = {
    "single_quote": "leads?$filter=subject%20eq%20%27",
    "bad_percent": "leads?$filter=subject%20eq%20%27%zz%27",
    "latin1": "leads?$filter=subject%20eq%20%27%e4%27",
    "zero": "leads?$filter=subject%20eq%20%27%00%27",
    "deep_parentheses": "leads?$filter=" + "(" * 3000 + "statecode%20eq%200" + ")" * 3000,
    "many_nots": "leads?$filter=" + "not%20" * 3000 + "statecode%20eq%200",
    "many_conditions": "leads?$filter=" + "%20or%20".join(["statecode%20eq%200"] * 800),
    "deep_expand": "leads?$expand=" + "parentaccountid($expand=" * 400 + ")" * 400,
    "many_selects": "leads?$select=" + ",".join(["subject"] * 3000),
    "huge_top": "leads?$top=99999999999999999999999",
    "negative_top": "leads?$top=-1",
    "top_text": "leads?$top=many",
    "huge_whole": "leads?$filter=numberofemployees%20eq%20" + "9" * 400,
    "huge_double": "leads?$filter=revenue%20gt%201e999",
    "huge_days": "leads?$filter=Microsoft.Dynamics.CRM.LastXDays(PropertyName=%27createdon%27,PropertyValue=99999999999)",
    "bad_guid": "leads(12345678-1234)",
    "empty_key": "leads()",
    "no_set": "(1)",
    "dots": "../../etc/passwd",
    "two_slashes": "leads//subject",
    "count_twice": "leads/$count/$count",
    "value_of_set": "leads/$value",
    "ref_of_set": "leads/$ref",
    "batch_get": "$batch",
    "metadata_child": "$metadata/x",
    "unknown_function": "NoSuch(1=2)",
    "who_am_i_odd": "WhoAmI(x=1)",
    "alias_loop": "leads?$filter=@p&@p=@p",
    "alias_missing": "leads?$filter=subject%20eq%20@p",
    "skiptoken": "leads?$skiptoken=%3Ccookie%20pagenumber=%22-1%22%20/%3E",
    "deltatoken": "leads?$deltatoken=99999999999999999!99/99/9999%2099:99:99",
    "apply": "leads?$apply=groupby((subject),aggregate($count%20as%20n)))",
    "fetchxml": "leads?fetchXml=%3Cfetch%3E%3Centity%20name=%27lead%27",
    "fetchxml_entity": "leads?fetchXml=%3C!DOCTYPE%20a%20[%3C!ENTITY%20b%20%22c%22%3E]%3E%3Cfetch/%3E",
    "fetchxml_numbers": "leads?fetchXml=%3Cfetch%20count=%27x%27%20page=%27-5%27%3E%3Centity%20name=%27lead%27/%3E%3C/fetch%3E",
    "saved_query": "leads?savedQuery=1",
    "repeated_option": "leads?$top=1&$top=2",
    "unknown_option": "leads?$what=1",
    "definitions": "EntityDefinitions(LogicalName=%27nosuch%27)",
    "definitions_key": "EntityDefinitions(1)",
    "definitions_filter": "EntityDefinitions?$filter=LogicalName%20eq",
    "definitions_deep": "EntityDefinitions?$filter=" + "(" * 3000 + "IsCustomEntity" + ")" * 3000,
    "definitions_expand": "EntityDefinitions?$expand=Attributes($select=",
    "attributes_cast": "EntityDefinitions(LogicalName=%27lead%27)/Attributes/Microsoft.Dynamics.CRM.NoSuch",
    "metadata_changes": "RetrieveMetadataChanges(Query=@p)?@p={%22Criteria%22:5}",
    "metadata_changes_list": "RetrieveMetadataChanges(Query=@p)?@p=[1,2]",
    "record_count": "RetrieveTotalRecordCount(EntityNames=5)",
    "calendar": "calendars(00000000-0000-0000-0000-000000000001)/Microsoft.Dynamics.CRM.ExpandCalendar(Start=1,End=2)",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_odd_bodies_are_refused_or_taken(wire: Wire, method: str, body: bytes) -> None:
    path = f"{ROOT}/leads"
    if method == "PATCH":
        path += "(11111111-2222-4333-8444-555555555555)"
    status, answer = wire.request(method, path, body, JSON)
    assert status in (204, 400, 404, 413, 501), answer[:300]


@pytest.mark.parametrize(
    "path",
    [
        "leads/Microsoft.Dynamics.CRM.CreateMultiple",
        "leads/Microsoft.Dynamics.CRM.UpsertMultiple",
        "BulkDelete",
        "WinOpportunity",
        "msdyn_ConnectSequence",
        "RetrieveMetadataChanges",
    ],
)
def test_odd_bodies_of_actions_are_refused(wire: Wire, path: str) -> None:
    for name, body in BODIES.items():
        status, answer = wire.request("POST", f"{ROOT}/{path}", body, JSON)
        assert 400 <= status < 600, (name, answer[:300])
        assert status != 500, (name, answer[:300])


METHODS_SENT = ("GET", "HEAD", "OPTIONS", "POST", "PATCH", "PUT", "DELETE", "FOO")


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_odd_paths_are_answered_below_500(wire: Wire, path: str) -> None:
    for method in METHODS_SENT:
        status, answer = wire.request(method, f"{ROOT}/{path}", b"{}", JSON)
        assert status < 500 or status == 501, (method, answer[:300])


HEADERS = {
    "prefer_nonsense": {"Prefer": 'odata.maxpagesize=0,return=,,;="x'},
    "prefer_page_huge": {"Prefer": "odata.maxpagesize=" + "9" * 300},
    "prefer_unclosed": {"Prefer": 'odata.include-annotations="*'},
    "prefer_digits": {"Prefer": "odata.maxpagesize=\u00b2"},
    "if_match_nonsense": {"If-Match": "W/x"},
    "if_match_list": {"If-Match": 'W/"1", W/"2"'},
    "both_conditions": {"If-Match": "*", "If-None-Match": "*"},
    "caller_nonsense": {"MSCRMCallerID": "not-a-guid"},
    "caller_object": {"CallerObjectId": "{}"},
    "version_nonsense": {"OData-Version": "9.9", "OData-MaxVersion": "x"},
    "accept_odd": {"Accept": "text/plain;q=x"},
    "encoding_odd": {"Accept-Encoding": "gzip;q=,,br;;q=9"},
    "content_type_odd": {"Content-Type": "application/json; charset=nosuch"},
    "override": {"X-HTTP-Method-Override": "EXPLODE"},
    "token_latin1": {"Authorization": "Bearer \u00e4\u00f6.\u00fc"},
    "token_parts": {"Authorization": "Bearer a.b.c.d"},
    "cookie_odd": {"Cookie": "ARRAffinity=; ;;=x"},
    "host_odd": {"Host": "a b:c"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_odd_headers_are_answered_below_500(
    wire: Wire, method: str, headers: dict[str, str]
) -> None:
    key = "" if method in ("GET", "POST") else "(11111111-2222-4333-8444-555555555555)"
    body = b"{}" if method in ("POST", "PATCH") else b""
    status, answer = wire.request(method, f"{ROOT}/leads{key}", body, {**JSON, **headers})
    assert 200 <= status < 500, answer[:300]


BATCHES = {
    "no_type": ({}, b"--b\r\n\r\n--b--"),
    "no_boundary": ({"Content-Type": "multipart/mixed"}, b"--b\r\n\r\n--b--"),
    "wrong_boundary": ({"Content-Type": "multipart/mixed;boundary=x"}, b"--b\r\n\r\n--b--"),
    "empty_boundary": ({"Content-Type": "multipart/mixed;boundary="}, b"----"),
    "no_body": ({"Content-Type": "multipart/mixed;boundary=b"}, b""),
    "no_parts": ({"Content-Type": "multipart/mixed;boundary=b"}, b"--b--"),
    "json": ({"Content-Type": "application/json"}, b'{"requests": []}'),
    "binary": ({"Content-Type": "multipart/mixed;boundary=b"}, bytes(range(256)) * 20),
    "part_without_request": (
        {"Content-Type": "multipart/mixed;boundary=b"},
        b"--b\r\nContent-Type: application/http\r\n\r\n\r\n--b--",
    ),
    "nonsense_request": (
        {"Content-Type": "multipart/mixed;boundary=b"},
        b"--b\r\nContent-Type: application/http\r\n\r\n\xff\xfe \x00\r\n\r\n--b--",
    ),
    "absolute_elsewhere": (
        {"Content-Type": "multipart/mixed;boundary=b"},
        b"--b\r\nContent-Type: application/http\r\n\r\nGET http://[::x/leads HTTP/1.1\r\n\r\n--b--",
    ),
    "never_closed": (
        {"Content-Type": "multipart/mixed;boundary=b"},
        b"--b\r\nContent-Type: application/http\r\n\r\nGET leads HTTP/1.1\r\n\r\n",
    ),
    "nested": (
        {"Content-Type": "multipart/mixed;boundary=b"},
        (
            b"--b\r\nContent-Type: application/http\r\n\r\nPOST /api/data/v9.2/$batch HTTP/1.1\r\n"
            b"Content-Type: multipart/mixed;boundary=b\r\n\r\n--b--\r\n--b--"
        ),
    ),
}


@pytest.mark.parametrize(("headers", "body"), BATCHES.values(), ids=BATCHES)
def test_odd_batches_are_answered_below_500(
    wire: Wire, headers: dict[str, str], body: bytes
) -> None:
    status, answer = wire.request("POST", f"{ROOT}/$batch", body, headers)
    assert 200 <= status < 500 or status == 501, answer[:300]
    assert b" 500 " not in answer


RAW = {
    "not_http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
    "two_lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length_text": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: much\r\n\r\n",
    "length_and_chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad_chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "absolute_form": b"GET http://x/api/data/v9.2/leads HTTP/1.1\r\nHost: x\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "no_host": b"GET /api/data/v9.2/ HTTP/1.1\r\n\r\n",
    "old_http": b"GET /api/data/v9.2/ HTTP/1.0\r\n\r\n",
    "high_bytes": b"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "long_line": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "upgrade": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "expect": b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("data", RAW.values(), ids=RAW)
def test_bytes_that_are_hardly_http_end_without_a_500(wire: Wire, data: bytes) -> None:
    status, answer = wire.send(data, half_close=True)
    assert status < 500 or status == 501, answer[:300]


def test_a_chunked_body_is_read(wire: Wire) -> None:
    head = (
        f"POST {ROOT}/leads HTTP/1.1\r\nHost: emulator\r\nAuthorization: {wire.token}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    body = b'b\r\n{"subject":\r\n9;x=1\r\n "chunk"}\r\n0\r\n\r\n'
    assert wire.send(head.encode() + body)[0] == 204


CONTROL = ("faults", "clock", "limits", "traffic", "behaviour", "webhooks", "deliveries", "restore")


@pytest.mark.parametrize("name", CONTROL)
def test_odd_control_requests_are_answered(wire: Wire, name: str) -> None:
    for kind, body in BODIES.items():
        status, answer = wire.request("POST", f"/_emulator/{name}", body, JSON)
        assert status in (200, 400), (kind, answer[:300])
        wire.request("DELETE", "/_emulator/faults")


@pytest.mark.parametrize(
    "path", ["/oauth2/v2.0/token", "/x/oauth2/token", "/.well-known/openid-configuration"]
)
def test_odd_token_requests_are_refused(wire: Wire, path: str) -> None:
    for kind, body in BODIES.items():
        assertion = b"grant_type=client_credentials&client_assertion=" + body.replace(b"&", b"")
        for form in (body, assertion):
            status, answer = wire.request("POST", path, form)
            assert 400 <= status < 500, (kind, answer[:300])


WORDS = [
    "leads",
    "accounts",
    "opportunities",
    "systemusers",
    "$filter",
    "$select",
    "$expand",
    "$orderby",
    "$top",
    "$count",
    "$apply",
    "=",
    "&",
    "?",
    "(",
    ")",
    "/",
    ",",
    ";",
    ":",
    "'",
    "''",
    "%27",
    "%20",
    "+",
    "subject",
    "statecode",
    "ownerid",
    "_ownerid_value",
    "createdon",
    "revenue",
    "eq",
    "ne",
    "gt",
    "and",
    "or",
    "not",
    "null",
    "true",
    "5",
    "-1",
    "1e9",
    "contains",
    "startswith",
    "any",
    "all",
    "x:",
    "@p",
    "$it/",
    "$ref",
    "$value",
    "$skiptoken",
    "$deltatoken",
    "groupby",
    "aggregate",
    "filter",
    "asc",
    "desc",
    "Microsoft.Dynamics.CRM.",
    "In(",
    "PropertyName=",
    "PropertyValues=",
    '["a"]',
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "00000000-0000-0000-0000-000000000001",
    "%zz",
    "%00",
    "%F0%9F%98%80",
    "parentaccountid",
]
METHODS = ("GET", "GET", "GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS")


@pytest.mark.parametrize("part", range(4))
def test_random_requests_are_answered_below_500(wire: Wire, part: int) -> None:
    chance = random.Random(SEED + part)
    for _ in range(60):
        words = chance.choices(WORDS, k=chance.randint(1, 9))
        start = chance.choice(("leads?$filter=", "leads?$expand=", "leads?$apply=", "leads", ""))
        path = f"{ROOT}/{start}{''.join(words)}".replace(" ", "%20")
        body = chance.choice((b"{}", bytes(chance.randbytes(40)), *BODIES.values()))
        kind = chance.choice(("application/json", "text/xml", "multipart/mixed;boundary=b", ";"))
        method = chance.choice(METHODS)
        status, answer = wire.request(method, path, body[:5000], {"Content-Type": kind})
        assert 0 < status < 500 or status == 501, (method, path, answer[:300])


def test_deeply_nested_json_names_its_problem(wire: Wire) -> None:
    _, answer = wire.request("POST", f"{ROOT}/leads", BODIES["deep_arrays"], JSON)
    assert "error" in json.loads(answer)
