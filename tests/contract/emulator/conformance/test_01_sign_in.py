"""Sign-in as Entra ID does it, and who may enter the organization."""

from datetime import UTC, datetime

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from msal import ConfidentialClientApplication

from connector.emulator.organization.organization import CONNECTOR_USER_ID, fixed_id
from tests.contract.emulator.conftest import NOW, Api, error_of, start


def token_url(api: Api) -> str:
    return f"{api.server.authority}/{api.server.tenant_id}/oauth2/v2.0/token"


def form(api: Api, **changes: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": api.server.client_id,
        "client_secret": api.server.client_secret,
        "scope": f"{api.server.url}/.default",
        **changes,
    }


def test_a_request_without_token_is_told_where_to_get_one(api: Api) -> None:
    answer = requests.get(f"{api.root}/leads", timeout=30)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == (
        f"Bearer authorization_uri={api.server.url}/{api.server.tenant_id}/oauth2/authorize, "
        f"resource_id={api.server.url}/"
    )


def test_the_token_endpoint_issues_bearer_tokens_of_3599_seconds(api: Api) -> None:
    token = requests.post(token_url(api), data=form(api), timeout=30).json()
    assert (token["token_type"], token["expires_in"], token["ext_expires_in"]) == (
        "Bearer",
        3599,
        3599,
    )


def test_an_expired_token_is_refused_with_401(api: Api) -> None:
    token = requests.post(token_url(api), data=form(api), timeout=30).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for seconds, status in ((3598, 200), (1, 401)):
        api.control("POST", "clock", {"advance_seconds": seconds})
        answer = requests.get(f"{api.root}/WhoAmI", headers=headers, timeout=30)
        assert answer.status_code == status
    assert answer.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


def test_an_altered_token_is_refused(api: Api) -> None:
    token = requests.post(token_url(api), data=form(api), timeout=30).json()["access_token"]
    headers = {"Authorization": f"Bearer {token[:-3]}abc"}
    assert requests.get(f"{api.root}/WhoAmI", headers=headers, timeout=30).status_code == 401


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("https://other.crm4.dynamics.com/.default", 401),
        ("00000007-0000-0000-c000-000000000000/.default", 200),
    ],
    ids=["another environment", "every environment"],
)
def test_a_token_for_another_environment_is_refused(api: Api, scope: str, status: int) -> None:
    answer = requests.post(token_url(api), data=form(api, scope=scope), timeout=30)
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    found = requests.get(f"{api.root}/WhoAmI", headers=headers, timeout=30)
    assert found.status_code == status


@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": fixed_id("stranger")}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "https://x/user_impersonation"}, 400, "invalid_scope", 1002012),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
    ],
    ids=["secret", "application", "grant", "scope", "no secret"],
)
def test_refusals_look_like_entras(
    api: Api, changes: dict[str, str], status: int, error: str, number: int
) -> None:
    answer = requests.post(token_url(api), data=form(api, **changes), timeout=30)
    document = answer.json()
    assert (answer.status_code, document["error"]) == (status, error)
    assert document["error_codes"] == [number]
    assert document["error_description"].startswith(f"AADSTS{number}: ")


def test_another_tenant_is_not_found(api: Api) -> None:
    url = f"{api.server.authority}/{fixed_id('elsewhere')}/oauth2/v2.0/token"
    answer = requests.post(url, data=form(api), timeout=30)
    assert answer.json()["error_codes"] == [90002]


def make_certificate() -> tuple[bytes, bytes, x509.Certificate]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "connector")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, certificate.public_bytes(Encoding.PEM), certificate


def test_msal_signs_in_with_a_certificate_over_tls() -> None:
    private, public, certificate = make_certificate()
    with start(use_tls=True, source=lambda: datetime.now(tz=UTC)) as server:
        application = server.tenant.register(server.client_id)
        application.add_certificate(public)
        with requests.Session() as session:
            session.trust_env, session.verify = False, str(server.ca_file)
            client = ConfidentialClientApplication(
                server.client_id,
                authority=f"{server.authority}/{server.tenant_id}",
                client_credential={
                    "private_key": private.decode(),
                    "thumbprint": certificate.fingerprint(SHA1()).hex(),
                    "public_certificate": public.decode(),
                },
                instance_discovery=False,
                http_client=session,
            )
            answer = client.acquire_token_for_client([f"{server.url}/.default"])
            assert "access_token" in answer, answer
            headers = {"Authorization": f"Bearer {answer['access_token']}"}
            found = session.get(f"{server.url}/api/data/v9.2/WhoAmI", headers=headers)
            assert found.json()["UserId"] == CONNECTOR_USER_ID
            server.tenant.applications[server.client_id].certificates.clear()
            client.remove_tokens_for_client()
            refused = client.acquire_token_for_client([f"{server.url}/.default"])
            assert refused["error"] == "invalid_client"


def test_an_application_without_a_user_may_not_enter(api: Api) -> None:
    stranger = fixed_id("stranger/app")
    api.server.tenant.register(stranger, "s")
    answer = requests.post(
        token_url(api), data=form(api, client_id=stranger, client_secret="s"), timeout=30
    )
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    found = requests.get(f"{api.root}/WhoAmI", headers=headers, timeout=30)
    assert error_of(found) == (403, "0x80072560")
    assert found.json()["error"]["message"] == "The user is not a member of the organization."


def test_a_disabled_application_user_may_not_enter(api: Api) -> None:
    assert api.patch(f"systemusers({CONNECTOR_USER_ID})", {"isdisabled": True}).status_code == 204
    assert error_of(api.get("WhoAmI")) == (403, "0x80040225")


def test_the_delegate_acts_as_somebody_else(api: Api) -> None:
    seller = api.rows("systemusers?$filter=isdisabled eq false and title ne null&$top=1")[0]
    headers = {"CallerObjectId": seller["azureactivedirectoryobjectid"]}
    answer = api.call("POST", "leads", json={"subject": "As seller"}, headers=headers)
    row = api.get(answer.headers["OData-EntityId"]).json()
    assert row["_createdby_value"] == row["_ownerid_value"] == seller["systemuserid"]
    assert row["_createdonbehalfby_value"] == CONNECTOR_USER_ID


def test_the_clock_starts_where_its_source_is(api: Api) -> None:
    assert api.server.clock.now() == NOW
