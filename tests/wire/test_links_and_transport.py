"""Where requests go, what they carry, and what becomes of their answers."""

import gzip
from pathlib import Path

import pytest
import requests
import responses
from structlog.testing import capture_logs

from connector.dataverse.client import DataverseClient
from connector.dataverse.limits.governor import Governor
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.wire.odata import find_twin_host, resolve_link
from connector.dataverse.wire.transport import TransportOptions, build_session, read_error_body
from connector.errors import FatalError, RetriableError
from connector.ports import TableQuery, equals
from engine.errors import ConfigProblem
from tests.wire.conftest import API, ROOT, Build, Timeline, add_tables, error_body

LEADS = TableQuery(table="lead", columns=("subject",))
WHO = {"UserId": "u", "OrganizationId": "o", "BusinessUnitId": "b"}
TWIN = "https://contoso.api.crm4.dynamics.com"


def test_a_link_to_a_foreign_host_is_refused_and_never_asked(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get("https://evil.example/api/data/v9.2/leads", json={"value": []})
    with pytest.raises(FatalError, match=r"evil\.example"):
        client.fetch_page(LEADS, "https://evil.example/api/data/v9.2/leads?$skiptoken=x")
    assert not any("evil" in str(call.request.url) for call in wire.calls)


@pytest.mark.parametrize(
    "link",
    [
        "https://contoso.crm4.dynamics.com.evil.example/api/data/v9.2/leads",
        "https://contoso.crm4.dynamics.com@evil.example/api/data/v9.2/leads",
        "http://contoso.crm4.dynamics.com/api/data/v9.2/leads",
        "https://fabrikam.crm4.dynamics.com/api/data/v9.2/leads",
        "https://contoso.crm4.dynamics.com:8443/api/data/v9.2/leads",
        "//evil.example/leads",
    ],
)
def test_hosts_that_only_look_like_ours_are_foreign(link: str) -> None:
    with pytest.raises(FatalError):
        resolve_link(ROOT, link)


def test_the_api_twin_of_the_host_is_rewritten_to_the_configured_one(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    """Following the twin would redirect, and clients drop the bearer on a redirect."""
    wire.get(f"{API}/leads", json={"value": [], "@odata.deltaLink": f"{TWIN}/x?$deltatoken=1"})
    client.fetch_page(LEADS, f"{TWIN}/api/data/v9.2/leads?$deltatoken=9%2f1")
    assert wire.calls[-1].request.url == f"{API}/leads?$deltatoken=9%2f1"


def test_twin_hosts_are_found_both_ways_and_never_for_addresses() -> None:
    assert find_twin_host("contoso.crm4.dynamics.com") == "contoso.api.crm4.dynamics.com"
    assert find_twin_host("contoso.api.crm4.dynamics.com") == "contoso.crm4.dynamics.com"
    assert find_twin_host("127.0.0.1:8080") is None
    assert find_twin_host("localhost") is None


def test_a_redirect_to_a_foreign_host_is_not_followed(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", status=302, headers={"Location": "https://evil.example/"})
    wire.get("https://evil.example/", json=WHO)
    with pytest.raises(FatalError):
        client.who_am_i()
    assert len(wire.calls) == 1


def test_a_redirect_within_the_environment_is_followed_with_the_bearer(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", status=307, headers={"Location": f"{TWIN}/elsewhere"})
    wire.get(f"{ROOT}/elsewhere", json=WHO)
    assert client.who_am_i().user_id == "u"
    assert wire.calls[-1].request.headers["Authorization"] == "Bearer secret-token"


def test_redirects_in_a_circle_end(client: DataverseClient, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/WhoAmI", status=302, headers={"Location": f"{API}/WhoAmI"})
    with pytest.raises(FatalError, match="circle"):
        client.who_am_i()


def test_every_request_carries_the_odata_headers_and_an_id_of_its_own(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", json=WHO)
    client.who_am_i()
    client.who_am_i()
    first, second = (call.request.headers for call in wire.calls)
    assert first["OData-Version"] == first["OData-MaxVersion"] == "4.0"
    assert first["Accept"] == "application/json"
    assert first["If-None-Match"] == "null"
    assert first["Authorization"] == "Bearer secret-token"
    assert first["x-ms-client-request-id"] != second["x-ms-client-request-id"]


def test_every_request_has_a_time_limit_to_connect_and_one_to_read(
    build: Build, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", json=WHO)
    build(transport=TransportOptions(connect_timeout=3.0, read_timeout=45.0)).who_am_i()
    # `responses` keeps there what the session was called with.
    sent = vars(wire.calls[0].request)["req_kwargs"]
    assert sent["timeout"] == (3.0, 45.0)


def test_every_line_of_the_log_leads_to_a_request(
    build: Build, wire: responses.RequestsMock
) -> None:
    theirs = {"x-ms-service-request-id": "their-id", "Retry-After": "1"}
    busy = error_body("0x80072322", "Number of requests exceeded the limit.")
    wire.get(f"{API}/WhoAmI", status=429, json=busy, headers=theirs)
    wire.get(f"{API}/WhoAmI", body=requests.exceptions.ConnectionError("reset"))
    wire.get(f"{API}/WhoAmI", json=WHO)
    with capture_logs() as lines:
        build().who_am_i()
    about = [line for line in lines if line["action"] != "sign_in"]
    assert [line["action"] for line in about] == ["send", "throttle", "retry", "retry", "send"]
    ours = [call.request.headers["x-ms-client-request-id"] for call in wire.calls]
    assert [line["client_request_id"] for line in about if line["action"] == "send"] == [
        ours[0],
        ours[2],
    ]
    assert [about[0]["request_id"], about[1]["request_id"]] == ["their-id", "their-id"]
    assert "[request their-id]" in about[2]["reason"]
    assert f"[request {ours[1]}]" in about[3]["reason"]


def test_the_affinity_cookie_is_dropped(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", json=WHO, headers={"Set-Cookie": "ARRAffinity=abc; path=/"})
    client.who_am_i()
    client.who_am_i()
    assert "Cookie" not in wire.calls[-1].request.headers


def test_a_session_reads_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """REQUESTS_CA_BUNDLE would otherwise override the CA file that was set."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://nowhere:1")
    session = build_session(TransportOptions(ca_file="/ca.pem", proxy="http://proxy:8080"))
    assert session.trust_env is False
    assert session.verify == "/ca.pem"
    assert session.proxies["https"] == "http://proxy:8080"


def test_the_pool_has_a_connection_for_each_thread_and_never_retries_by_itself() -> None:
    session = build_session(TransportOptions(connections=23))
    adapter = session.get_adapter(ROOT)
    assert isinstance(adapter, requests.adapters.HTTPAdapter)
    assert vars(adapter)["_pool_maxsize"] == 23
    assert adapter.max_retries.total == 0


def test_gzip_is_asked_for_and_read(client: DataverseClient, wire: responses.RequestsMock) -> None:
    body = gzip.compress(b'{"value":[],"@odata.deltaLink":"%s?$deltatoken=1"}' % API.encode())
    wire.get(f"{API}/leads", body=body, headers={"Content-Encoding": "gzip"})
    assert client.fetch_first_page(LEADS).rows == []
    assert "gzip" in wire.calls[-1].request.headers["Accept-Encoding"]


def test_an_answer_beyond_the_size_limit_is_refused(
    build: Build, wire: responses.RequestsMock
) -> None:
    add_tables(wire)
    wire.get(f"{API}/WhoAmI", body=b"x" * 200)
    with pytest.raises(FatalError, match="larger than 100 bytes"):
        build(transport=TransportOptions(max_body_bytes=100)).who_am_i()


def test_impersonation_is_sent_when_it_is_set(build: Build, wire: responses.RequestsMock) -> None:
    wire.get(f"{API}/WhoAmI", json=WHO)
    build(transport=TransportOptions(impersonate_user_id="someone")).who_am_i()
    assert wire.calls[0].request.headers["MSCRMCallerID"] == "someone"


def test_a_host_that_cannot_be_reached_is_a_configuration_problem_at_the_first_contact(
    client: DataverseClient, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    wire.get(f"{API}/WhoAmI", body=requests.exceptions.ConnectTimeout())
    with pytest.raises(ConfigProblem, match="LEADROBIN_DATAVERSE__URL"):
        client.who_am_i()
    assert timeline.slept > 0


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed", "LEADROBIN_DATAVERSE__CA_FILE"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
    ],
)
def test_tls_that_cannot_succeed_is_a_configuration_problem_that_is_not_repeated(
    client: DataverseClient, wire: responses.RequestsMock, said: str, words: str
) -> None:
    wire.get(f"{API}/WhoAmI", body=requests.exceptions.SSLError(said))
    with pytest.raises(ConfigProblem, match=words):
        client.who_am_i()
    assert len(wire.calls) == 1


def test_a_tls_connection_cut_off_by_the_peer_is_tried_again(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    cut = requests.exceptions.SSLError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred")
    wire.get(f"{API}/WhoAmI", body=cut)
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == "u"


def test_connections_that_always_break_are_a_configuration_problem_at_the_first_contact(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", body=requests.exceptions.ConnectionError("reset"))
    with pytest.raises(ConfigProblem, match="LEADROBIN_DATAVERSE__URL"):
        client.who_am_i()


def test_a_token_that_is_refused_is_a_configuration_problem_at_the_first_contact(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", status=401)
    with pytest.raises(ConfigProblem, match="LEADROBIN_AUTH__STATIC_TOKEN"):
        client.who_am_i()


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot be read: No such file"), ("no PEM", "holds no certificate")]
)
def test_a_file_without_certificates_is_named_before_anything_is_asked(
    build: Build, tmp_path: Path, text: str | None, words: str
) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigProblem, match=f"LEADROBIN_DATAVERSE__CA_FILE: .*{words}"):
        build(transport=TransportOptions(ca_file=str(file)))


def test_a_certificate_file_that_is_gone_for_a_moment_is_worth_another_try(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", body=OSError("invalid path: /etc/ca.pem"))
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().user_id == "u"


def test_only_a_token_of_the_user_goes_out_in_clear_text(build: Build) -> None:
    secret = SignInOptions(mode="client_secret", tenant_id="t", client_id="c", client_secret="s")
    with pytest.raises(ConfigProblem, match="clear text"):
        build(url="http://contoso.example", sign_in=secret)
    build(url="http://127.0.0.1:8080", sign_in=secret).close()
    build(url="http://emulator:8080").close()


@pytest.mark.parametrize("status", [404, 400])
def test_a_url_that_is_no_web_api_is_a_configuration_problem(
    client: DataverseClient, wire: responses.RequestsMock, status: int
) -> None:
    wire.get(f"{API}/WhoAmI", status=status, body="<html><title>Not here</title></html>")
    with pytest.raises(ConfigProblem, match=r"does not answer like a Dataverse Web API"):
        client.who_am_i()


@pytest.mark.parametrize("url", ["contoso.crm4.dynamics.com", "ftp://x", "https://u:p@x.com", ""])
def test_an_environment_url_that_is_none_is_a_configuration_problem(build: Build, url: str) -> None:
    with pytest.raises(ConfigProblem):
        build(url=url)


def test_a_truncated_answer_is_read_again(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/WhoAmI", body=requests.exceptions.ChunkedEncodingError())
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert client.who_am_i().organization_id == "o"


def test_error_texts_and_logs_hold_neither_token_nor_query(
    client: DataverseClient, wire: responses.RequestsMock, capsys: pytest.CaptureFixture[str]
) -> None:
    wire.get(f"{API}/leads", status=500, body="")
    with pytest.raises(RetriableError) as caught:
        list(
            client.read_rows("lead", ("subject",), where=(equals("emailaddress1", "a@b.example"),))
        )
    printed = capsys.readouterr()
    said = str(caught.value) + printed.out + printed.err
    assert "secret-token" not in said
    assert "a@b.example" not in said


def test_the_annotations_that_are_read_are_asked_for(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/leads", json={"value": []})
    list(client.read_rows("lead", ("subject",)))
    assert wire.calls[-1].request.headers["Prefer"] == (
        "odata.maxpagesize=5000,odata.include-annotations="
        '"Microsoft.Dynamics.CRM.lookuplogicalname,'
        "OData.Community.Display.V1.FormattedValue,"
        'Microsoft.Dynamics.CRM.globalmetadataversion"'
    )


def test_a_hint_at_how_many_requests_may_run_at_once_is_passed_on(
    client: DataverseClient, wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints: list[int | None] = []
    monkeypatch.setattr(Governor, "finish", lambda *_args, hint: hints.append(hint))
    wire.get(f"{API}/WhoAmI", json=WHO, headers={"x-ms-dop-hint": "12"})
    wire.get(f"{API}/leads", status=404, headers={"x-ms-dop-hint": "7"})
    client.who_am_i()
    with pytest.raises(ConfigProblem):
        list(client.read_rows("lead", ("subject",)))
    assert hints == [12, None, 7]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b" upstream went away \n", "upstream went away"),
        (b"x" * 300, "x" * 200),
        (b"<html><TITLE> Bad gateway </TITLE></html>", "Bad gateway"),
        (b"<html><body>nothing to say</body></html>", ""),
        (b"\xff", "\ufffd"),
    ],
)
def test_what_a_gateway_says_is_kept_short(body: bytes, message: str) -> None:
    assert read_error_body(body) == ("", message)


def test_no_cookie_ties_us_to_one_of_the_environments_servers(
    wire: responses.RequestsMock,
) -> None:
    wire.get(f"{API}/WhoAmI", json=WHO, headers={"Set-Cookie": "ARRAffinity=one; Path=/"})
    with build_session(TransportOptions()) as session:
        session.get(f"{API}/WhoAmI")
        assert not list(session.cookies)
