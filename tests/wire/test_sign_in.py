"""Signing in through MSAL, with the sign-in host mocked."""

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from connector.dataverse.sign_in.clouds import choose_authority_host, parse_challenge
from connector.dataverse.sign_in.entra import run_sign_in
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.sign_in.tokens import AccessToken, TokenCache
from connector.dataverse.wire.errors import NotSent, SignInBusy, SignInUnreachable
from connector.errors import FatalError, RetriableError
from engine.errors import ConfigProblem
from tests.wire.conftest import API, ROOT, START, Build, Timeline, error_body

TENANT = "11111111-2222-3333-4444-555555555555"
LOGIN = f"https://login.microsoftonline.com/{TENANT}"
SECRET = SignInOptions(
    mode="client_secret", tenant_id=TENANT, client_id="app", client_secret="s3cret"
)
WHO = {"UserId": "u", "OrganizationId": "o", "BusinessUnitId": "b"}


def serve_sign_in(wire: responses.RequestsMock, login: str = LOGIN, **answers: Any) -> None:
    """OpenID discovery and a token endpoint that numbers its tokens."""
    wire.get(
        f"{login}/v2.0/.well-known/openid-configuration",
        json={
            "issuer": f"{login}/v2.0",
            "authorization_endpoint": f"{login}/oauth2/v2.0/authorize",
            "token_endpoint": f"{login}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{login}/oauth2/v2.0/devicecode",
        },
    )
    if answers:
        wire.post(f"{login}/oauth2/v2.0/token", **answers)
        return
    issued = iter(range(1, 100))
    wire.add_callback(
        responses.POST,
        f"{login}/oauth2/v2.0/token",
        lambda _: (
            200,
            {},
            json.dumps(
                {"token_type": "Bearer", "expires_in": 3599, "access_token": f"t{next(issued)}"}
            ),
        ),
    )


def asked_for_tokens(wire: responses.RequestsMock) -> list[dict[str, list[str]]]:
    return [
        parse_qs(str(call.request.body))
        for call in wire.calls
        if str(call.request.url).endswith("/oauth2/v2.0/token")
    ]


def bearers(wire: responses.RequestsMock) -> list[str]:
    return [
        call.request.headers["Authorization"]
        for call in wire.calls
        if str(call.request.url).startswith(API)
    ]


def refuse(code: str, text: str = "said no.") -> dict[str, Any]:
    return {
        "status": 401,
        "json": {"error": "invalid_client", "error_description": f"{code}: {text} Trace ID: 1"},
    }


def test_a_client_secret_signs_in_for_the_environment(
    build: Build, wire: responses.RequestsMock
) -> None:
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert build(sign_in=SECRET).who_am_i().user_id == "u"
    (form,) = asked_for_tokens(wire)
    assert form["scope"] == [f"{ROOT}/.default"]
    assert form["grant_type"] == ["client_credentials"]
    assert form["client_secret"] == ["s3cret"]
    assert bearers(wire) == ["Bearer t1"]


def test_a_token_is_kept_until_five_minutes_before_it_expires(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", json=WHO)
    client = build(sign_in=SECRET)
    for minutes in (0, 54, 1):
        timeline.instant += timedelta(minutes=minutes)
        client.who_am_i()
    assert bearers(wire) == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_the_token_is_read_anew_for_every_attempt(
    build: Build, wire: responses.RequestsMock
) -> None:
    """A long Retry-After can outlive the token."""
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", status=503, headers={"Retry-After": "3500"})
    wire.get(f"{API}/WhoAmI", json=WHO)
    client = build(sign_in=SECRET, retry=_patient())
    client.who_am_i()
    assert bearers(wire) == ["Bearer t1", "Bearer t2"]


def _patient() -> Any:
    from connector.dataverse.wire.retrying import RetryPolicy

    return RetryPolicy(budget=timedelta(hours=2))


def test_a_refused_token_is_replaced_once(build: Build, wire: responses.RequestsMock) -> None:
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", status=401, body="")
    wire.get(f"{API}/WhoAmI", json=WHO)
    build(sign_in=SECRET).who_am_i()
    assert bearers(wire) == ["Bearer t1", "Bearer t2"]


def test_a_second_refusal_ends_the_service(build: Build, wire: responses.RequestsMock) -> None:
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", status=401, json=error_body("0x80041D52", "token expired"))
    with pytest.raises(FatalError):
        build(sign_in=SECRET).who_am_i()
    assert bearers(wire) == ["Bearer t1", "Bearer t2"]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("AADSTS7000215", "client secret is wrong"),
        ("AADSTS7000222", "client secret has expired"),
        ("AADSTS700016", "does not know this application"),
        ("AADSTS700027", "certificate is not accepted"),
        ("AADSTS90002", "tenant is unknown"),
        ("AADSTS500011", "does not know the environment"),
    ],
)
def test_what_entra_id_refuses_is_said_in_one_sentence(
    build: Build, wire: responses.RequestsMock, code: str, says: str
) -> None:
    serve_sign_in(wire, **refuse(code))
    with pytest.raises(ConfigProblem, match=says) as caught:
        build(sign_in=SECRET).who_am_i()
    assert isinstance(caught.value, FatalError)
    assert code in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_tenant_is_said_before_any_secret_is_sent(
    build: Build, wire: responses.RequestsMock
) -> None:
    wire.get(
        f"{LOGIN}/v2.0/.well-known/openid-configuration",
        status=400,
        json={"error": "invalid_tenant", "error_description": "AADSTS90002: not found"},
    )
    with pytest.raises(ConfigProblem, match="check the tenant id"):
        build(sign_in=SECRET).who_am_i()
    assert asked_for_tokens(wire) == []


def test_a_sign_in_host_that_does_not_answer_is_worth_another_try(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    wire.get(
        f"{LOGIN}/v2.0/.well-known/openid-configuration",
        body=requests.exceptions.ConnectionError("reset"),
    )
    with pytest.raises(ConfigProblem, match="LEADROBIN_AUTH__AUTHORITY"):
        build(sign_in=SECRET).who_am_i()
    assert timeline.slept > 0


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_sign_in_host_that_asks_for_patience_is_asked_again_after_its_wait(
    build: Build, wire: responses.RequestsMock, timeline: Timeline, status: int
) -> None:
    for body in ('{"error": "temporarily_unavailable"}', "<html>Busy</html>"):
        wire.post(
            f"{LOGIN}/oauth2/v2.0/token", status=status, body=body, headers={"Retry-After": "7"}
        )
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert build(sign_in=SECRET).who_am_i().user_id == "u"
    assert timeline.naps == [7.0, 7.0]
    assert bearers(wire) == ["Bearer t1"]


def test_a_sign_in_host_that_says_no_wait_is_asked_again_with_growing_ones(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    for _ in range(3):
        wire.get(f"{LOGIN}/v2.0/.well-known/openid-configuration", status=503)
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", json=WHO)
    assert build(sign_in=SECRET).who_am_i().user_id == "u"
    assert timeline.naps == [0.5, 1.0, 2.0]


def test_a_wait_for_the_sign_in_host_beyond_the_time_budget_is_no_matter_of_configuration(
    build: Build, wire: responses.RequestsMock, timeline: Timeline
) -> None:
    serve_sign_in(wire, status=429, body="", headers={"Retry-After": "3600"})
    with pytest.raises(
        RetriableError, match=r"answers 429 and asks for a wait of 3600 s"
    ) as caught:
        build(sign_in=SECRET).who_am_i()
    assert caught.value.retry_after == timedelta(hours=1)
    assert not isinstance(caught.value, ConfigProblem)
    assert timeline.naps == []


def test_while_the_sign_in_host_asks_for_patience_no_thread_asks_it(timeline: Timeline) -> None:
    cache, source = cache_tokens(timeline, SignInBusy("later", retry_after=timedelta(seconds=30)))
    for passed in (0, 10):
        timeline.instant += timedelta(seconds=passed)
        with pytest.raises(SignInBusy, match="later") as caught:
            cache.read_token()
        assert caught.value.retry_after == timedelta(seconds=30 - passed)
    assert source.asked == 1
    timeline.instant += timedelta(seconds=20)
    assert cache.read_token() == "t2"


def test_a_token_that_still_works_is_used_while_no_new_one_is_to_be_had(timeline: Timeline) -> None:
    failures = [SignInUnreachable("reset"), SignInUnreachable("reset")]
    cache, source = cache_tokens(timeline, None, *failures)
    start = timeline.now()
    tokens: list[str] = []
    for seconds in (0, 3301, 3310, 3316, 3599):
        timeline.instant = start + timedelta(seconds=seconds)
        tokens.append(cache.read_token())
    assert tokens == ["t1", "t1", "t1", "t1", "t4"]
    assert source.asked == 4


def test_a_token_that_was_refused_is_not_used_while_no_new_one_is_to_be_had(
    timeline: Timeline,
) -> None:
    cache, _ = cache_tokens(timeline, None, SignInUnreachable("reset"))
    cache.drop_token(cache.read_token())
    with pytest.raises(SignInUnreachable):
        cache.read_token()


@dataclass
class Tokens:
    """Numbers its tokens; fails where the script has an error."""

    timeline: Timeline
    script: list[NotSent | None]
    asked: int = 0

    def fetch_token(self) -> AccessToken:
        self.asked += 1
        failure = self.script.pop(0) if self.script else None
        if failure is not None:
            raise failure
        return AccessToken(f"t{self.asked}", self.timeline.now() + timedelta(hours=1))


def cache_tokens(timeline: Timeline, *script: NotSent | None) -> tuple[TokenCache, Tokens]:
    source = Tokens(timeline, list(script))
    return TokenCache(source, timeline, on_close=lambda: None), source


def test_a_tls_connection_to_the_sign_in_host_that_was_cut_off_is_worth_another_try() -> None:
    def step() -> None:
        raise requests.exceptions.SSLError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred")

    with pytest.raises(RetriableError):
        run_sign_in(step)


def test_a_sign_in_host_with_a_foreign_certificate_is_not() -> None:
    def step() -> None:
        raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")

    with pytest.raises(ConfigProblem, match="LEADROBIN_DATAVERSE__CA_FILE"):
        run_sign_in(step)


def test_the_authority_is_found_through_the_401(build: Build, wire: responses.RequestsMock) -> None:
    wire.get(
        f"{API}/",
        status=401,
        headers={
            "WWW-Authenticate": f"Bearer authorization_uri={LOGIN}/oauth2/authorize, resource_id={ROOT}/"
        },
    )
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", json=WHO)
    client = build(sign_in=SignInOptions(mode="client_secret", client_id="a", client_secret="s"))
    assert client.who_am_i().user_id == "u"


def test_an_environment_that_does_not_say_for_now_where_to_sign_in_is_asked_again(
    build: Build, wire: responses.RequestsMock
) -> None:
    wire.get(f"{API}/", status=503, headers={"Retry-After": "3"})
    wire.get(f"{API}/", body=requests.exceptions.ConnectionError("reset"))
    challenge = f"Bearer authorization_uri={LOGIN}/oauth2/authorize"
    wire.get(f"{API}/", status=401, headers={"WWW-Authenticate": challenge})
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", json=WHO)
    client = build(sign_in=SignInOptions(mode="client_secret", client_id="a", client_secret="s"))
    assert client.who_am_i().user_id == "u"


def test_a_secret_is_never_sent_to_an_authority_of_a_stranger(
    build: Build, wire: responses.RequestsMock
) -> None:
    wire.get(
        f"{API}/",
        status=401,
        headers={
            "WWW-Authenticate": "Bearer authorization_uri=https://evil.example/t/oauth2/authorize"
        },
    )
    client = build(sign_in=SignInOptions(mode="client_secret", client_id="a", client_secret="s"))
    with pytest.raises(ConfigProblem, match="LEADROBIN_AUTH__AUTHORITY"):
        client.who_am_i()
    assert all("evil" not in str(call.request.url) for call in wire.calls)


@pytest.mark.parametrize("status", [200, 404, 400])
def test_a_url_that_does_not_ask_for_a_token_is_no_environment(
    build: Build, wire: responses.RequestsMock, status: int
) -> None:
    wire.get(f"{API}/", status=status, body="hello")
    client = build(sign_in=SignInOptions(mode="client_secret", client_id="a", client_secret="s"))
    with pytest.raises(ConfigProblem, match="LEADROBIN_DATAVERSE__URL"):
        client.who_am_i()


@pytest.mark.parametrize(
    ("header", "authority"),
    [
        (f"Bearer authorization_uri={LOGIN}/oauth2/authorize, resource_id={ROOT}/", LOGIN),
        (f'Bearer authorization_uri="{LOGIN}/oauth2/v2.0/authorize"', LOGIN),
        (f"Bearer resource_id={ROOT}/,authorization_uri={LOGIN}", LOGIN),
        ("Basic realm=x", None),
        ("", None),
    ],
)
def test_challenges_are_read_however_they_are_written(header: str, authority: str | None) -> None:
    assert parse_challenge(header) == authority


@pytest.mark.parametrize(
    ("host", "authority"),
    [
        ("contoso.crm4.dynamics.com", "https://login.microsoftonline.com"),
        ("contoso.api.crm4.dynamics.com", "https://login.microsoftonline.com"),
        ("contoso.crm9.dynamics.com", "https://login.microsoftonline.com"),
        ("contoso.crm.microsoftdynamics.us", "https://login.microsoftonline.us"),
        ("contoso.api.crm.microsoftdynamics.us", "https://login.microsoftonline.us"),
        ("contoso.crm.appsplatform.us", "https://login.microsoftonline.us"),
        ("contoso.crm.dynamics.cn", "https://login.partner.microsoftonline.cn"),
    ],
)
def test_each_cloud_has_its_own_sign_in_host(host: str, authority: str) -> None:
    assert choose_authority_host(f"https://{host}") == authority


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (SignInOptions(mode="client_secret", client_secret="s"), "CLIENT_ID"),
        (SignInOptions(mode="client_secret", client_id="a"), "CLIENT_SECRET"),
        (SignInOptions(mode="certificate", client_id="a"), "CERTIFICATE_FILE"),
        (SignInOptions(mode="static_token"), "STATIC_TOKEN"),
        (SignInOptions(mode="device_code", client_id="a"), "terminal"),
    ],
)
def test_what_is_missing_is_named(build: Build, options: SignInOptions, missing: str) -> None:
    with pytest.raises(ConfigProblem, match=missing):
        build(sign_in=options)


def make_certificate(days: int = 30) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leadrobin")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START - timedelta(days=60))
        .not_valid_after(START + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def write_pem(path: Path, *, days: int = 30) -> x509.Certificate:
    key, certificate = make_certificate(days)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return certificate


def certificate_options(path: Path, **more: Any) -> SignInOptions:
    return SignInOptions(
        mode="certificate", tenant_id=TENANT, client_id="app", certificate_path=path, **more
    )


def read_assertion_header(form: dict[str, list[str]]) -> dict[str, Any]:
    (assertion,) = form["client_assertion"]
    head = assertion.split(".", maxsplit=1)[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return header


def test_a_pem_certificate_signs_an_assertion_that_carries_itself(
    build: Build, wire: responses.RequestsMock, tmp_path: Path
) -> None:
    """Sending the certificate along (x5c) lets it be renewed without touching the registration."""
    certificate = write_pem(tmp_path / "app.pem")
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", json=WHO)
    build(sign_in=certificate_options(tmp_path / "app.pem")).who_am_i()
    (form,) = asked_for_tokens(wire)
    header = read_assertion_header(form)
    sent = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    assert sent == certificate
    assert "client_secret" not in form


def test_a_pfx_certificate_opens_with_its_password(
    build: Build, wire: responses.RequestsMock, tmp_path: Path
) -> None:
    key, certificate = make_certificate()
    (tmp_path / "app.pfx").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"app", key, certificate, None, serialization.BestAvailableEncryption(b"pw")
        )
    )
    serve_sign_in(wire)
    wire.get(f"{API}/WhoAmI", json=WHO)
    options = certificate_options(tmp_path / "app.pfx", certificate_password="pw")
    assert build(sign_in=options).who_am_i().user_id == "u"


def test_a_wrong_pfx_password_is_said_without_repeating_it(build: Build, tmp_path: Path) -> None:
    key, certificate = make_certificate()
    (tmp_path / "app.pfx").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"app", key, certificate, None, serialization.BestAvailableEncryption(b"pw")
        )
    )
    options = certificate_options(tmp_path / "app.pfx", certificate_password="hunter2")
    with pytest.raises(ConfigProblem, match="check the password") as caught:
        build(sign_in=options)
    assert "hunter2" not in str(caught.value)


def test_an_expired_certificate_is_said_before_anybody_is_asked(
    build: Build, wire: responses.RequestsMock, tmp_path: Path
) -> None:
    write_pem(tmp_path / "old.pem", days=-1)
    with pytest.raises(ConfigProblem, match="expired on 2026-11-22"):
        build(sign_in=certificate_options(tmp_path / "old.pem")).who_am_i()
    assert len(wire.calls) == 0


def test_a_certificate_file_that_is_missing_is_named(build: Build, tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match=r"gone\.pem"):
        build(sign_in=certificate_options(tmp_path / "gone.pem"))


def test_a_managed_identity_asks_the_machine_for_the_environment(
    build: Build, wire: responses.RequestsMock
) -> None:
    wire.get(
        "http://169.254.169.254/metadata/identity/oauth2/token",
        json={"access_token": "mi", "expires_in": "3599", "resource": ROOT, "token_type": "Bearer"},
    )
    wire.get(f"{API}/WhoAmI", json=WHO)
    build(sign_in=SignInOptions(mode="managed_identity", client_id="app")).who_am_i()
    asked = wire.calls[0].request
    assert asked.headers["Metadata"] == "true"
    assert "client_id=app" in str(asked.url)
    assert bearers(wire) == ["Bearer mi"]


def test_a_person_signs_in_with_a_device_code_and_later_by_refresh_token(
    build: Build, wire: responses.RequestsMock, timeline: Timeline, tmp_path: Path
) -> None:
    claims: dict[str, str | int] = {
        "oid": "o",
        "tid": TENANT,
        "preferred_username": "ann@contoso.example",
    }
    claims |= {"iss": f"{LOGIN}/v2.0", "aud": "app", "sub": "s", "iat": 1, "exp": 1}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    info = base64.urlsafe_b64encode(json.dumps({"uid": "o", "utid": TENANT}).encode()).decode()
    serve_sign_in(
        wire,
        json={
            "token_type": "Bearer",
            "expires_in": 3599,
            "access_token": "person",
            "refresh_token": "again",
            "id_token": f"e30.{body}.x",
            "client_info": info,
            "scope": f"{ROOT}/user_impersonation",
        },
    )
    wire.post(
        f"{LOGIN}/oauth2/v2.0/devicecode",
        json={
            "user_code": "ABC",
            "device_code": "dev",
            "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": 900,
            "interval": 0,
            "message": "Enter the code ABC",
        },
    )
    wire.get(f"{API}/WhoAmI", json=WHO)
    said: list[str] = []
    options = SignInOptions(
        mode="device_code", tenant_id=TENANT, client_id="app", token_cache_path=tmp_path / "cache"
    )
    build(sign_in=options, show_message=said.append).who_am_i()
    timeline.instant += timedelta(hours=2)
    build(sign_in=options, show_message=said.append).who_am_i()
    assert said == ["Enter the code ABC"]
    grants = [form["grant_type"][0] for form in asked_for_tokens(wire)]
    assert grants == ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_secrets_do_not_show_in_the_text_of_options(build: Build) -> None:
    text = repr(SECRET) + repr(SignInOptions(mode="static_token", token="hidden"))
    assert "s3cret" not in text
    assert "hidden" not in text
