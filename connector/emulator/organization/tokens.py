"""Sign-in as Entra ID serves it: discovery, the token endpoint, and the check of bearer tokens.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
Who the token's application is in the organization is settled in `http.callers`.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha1, sha256
from hmac import compare_digest
from hmac import new as new_hmac
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, load_pem_x509_certificate

from connector.emulator.organization.clock import EmulatorClock
from connector.emulator.organization.dice import Dice
from connector.emulator.organization.organization import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from connector.emulator.protocol.json_shapes import Json, as_object

LIFETIME_SECONDS = 3599
RESOURCE_ID = "00000007-0000-0000-c000-000000000000"
"""Dataverse itself as an application; tokens for it are good for every environment."""
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DISCOVERY: dict[str, Json] = {
    "token_endpoint_auth_methods_supported": [
        "client_secret_post",
        "private_key_jwt",
        "client_secret_basic",
    ],
    "response_modes_supported": ["query", "fragment", "form_post"],
    "subject_types_supported": ["pairwise"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
    "scopes_supported": ["openid", "profile", "email", "offline_access"],
    "request_uri_parameter_supported": False,
    "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "ver"],
    "tenant_region_scope": "EU",
}


class SignInError(Exception):
    """Entra's refusal: HTTP status, OAuth error word, AADSTS number and sentence."""

    def __init__(self, status: int, error: str, number: int, message: str) -> None:
        self.status = status
        self.error = error
        self.number = number
        super().__init__(f"AADSTS{number}: {message}")


@dataclass(slots=True)
class Application:
    """An app registration: its secrets, and its certificates by SHA-1 and SHA-256 thumbprint.

    Thumbprints are in base64url, as `x5t` and `x5t#S256` carry them.
    """

    client_id: str
    secrets: set[str] = field(default_factory=set[str])
    certificates: dict[str, Certificate] = field(default_factory=dict[str, Certificate])

    def add_certificate(self, pem: bytes) -> None:
        """Trust the key of a certificate."""
        certificate = load_pem_x509_certificate(pem)
        encoded = certificate.public_bytes(Encoding.DER)
        self.certificates[_base64(sha1(encoded).digest())] = certificate  # noqa: S324  a name, as in x5t
        self.certificates[_base64(sha256(encoded).digest())] = certificate


@dataclass
class Tenant:
    """One Entra tenant with its app registrations; tokens live on the emulator's clock."""

    clock: EmulatorClock
    dice: Dice
    id: str = TENANT_ID
    accept_any_token: bool = False
    applications: dict[str, Application] = field(default_factory=dict[str, Application])
    revoked_before: float = 0

    def __post_init__(self) -> None:
        self.register(CLIENT_ID, CLIENT_SECRET)
        self._key = self.dice.guid().encode()

    def register(self, client_id: str, secret: str | None = None) -> Application:
        """Add an app registration, or another secret to it."""
        application = self.applications.setdefault(client_id, Application(client_id))
        if secret is not None:
            application.secrets.add(secret)
        return application

    def discovery(self, root: str, path: str) -> dict[str, Json]:
        """The OpenID configuration; `path` is the tenant's part of the URL."""
        base = f"{root}/{path}" if path else root
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "issuer": f"{root}/{self.id}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            **_DISCOVERY,
        }

    def issue(self, form: Mapping[str, str], root: str) -> dict[str, Json]:
        """Answer a token request; raises SignInError.

        Client credentials by secret or by signed assertion: RS256 or PS256, thumbprint in x5t or
        x5t#S256.
        """
        grant = form.get("grant_type")
        if grant != "client_credentials":
            raise _grant_refused(grant)
        application = self._authenticate(form)
        scope = form.get("scope") or form.get("resource") or ""
        audience = _audience_of(scope, v1="resource" in form)
        claims = self._claims(application, audience, f"{root}/{self.id}/v2.0")
        lifetime = {"expires_in": LIFETIME_SECONDS, "ext_expires_in": LIFETIME_SECONDS}
        return {"token_type": "Bearer", **lifetime, "access_token": self._sign(claims)}

    def _claims(self, application: Application, audience: str, issuer: str) -> dict[str, Json]:
        issued = int(self.clock.now().timestamp())
        return {
            "aud": audience,
            "iss": issuer,
            "iat": issued,
            "nbf": issued,
            "exp": issued + LIFETIME_SECONDS,
            "appid": application.client_id,
            "oid": application.client_id,
            "tid": self.id,
            "uti": self.dice.guid(),
            "ver": "2.0",
        }

    def application_of(self, token: str, hosts: Collection[str]) -> str | None:
        """The application a bearer token was issued to.

        None when the token is wrong, expired, revoked or meant for none of the hosts that this
        environment goes by.
        """
        if self.accept_any_token:
            return CLIENT_ID
        head, _, signature = token.rpartition(".")
        if not compare_digest(self._signature(head).encode(), signature.encode("utf-8", "replace")):
            return None
        claims = json.loads(_unbase64(head.partition(".")[2]))
        now = self.clock.now().timestamp()
        if now >= claims["exp"] or claims["iat"] < self.revoked_before:
            return None
        audience = str(claims["aud"])
        if audience != RESOURCE_ID and urlsplit(audience).netloc.lower() not in hosts:
            return None
        return str(claims["appid"])

    def expire_tokens(self) -> None:
        """Refuse every token issued before the next second."""
        self.revoked_before = int((self.clock.now() + timedelta(seconds=1)).timestamp())

    def _authenticate(self, form: Mapping[str, str]) -> Application:
        assertion = form.get("client_assertion")
        application = self._find_application(_client_id_in(form))
        if assertion is not None:
            self._verify_assertion(application, form.get("client_assertion_type"), assertion)
        elif form.get("client_secret") not in application.secrets:
            raise _secret_refused(application.client_id, form.get("client_secret"))
        return application

    def _find_application(self, client_id: str) -> Application:
        application = self.applications.get(client_id)
        if application is None:
            message = (
                f"Application with identifier '{client_id}' was not found in the directory "
                f"'{self.id}'."
            )
            raise SignInError(400, "unauthorized_client", 700016, message)
        return application

    def _verify_assertion(
        self, application: Application, assertion_type: str | None, assertion: str
    ) -> None:
        parts = assertion.split(".")
        header = _json_of(parts[0]) if len(parts) == 3 else {}
        name = str(header.get("x5t#S256") or header.get("x5t") or "").rstrip("=")
        certificate = application.certificates.get(name)
        if assertion_type != _ASSERTION_TYPE or certificate is None:
            raise _certificate_refused(name)
        if not _is_signed_by(certificate, header, parts):
            message = "Client assertion failed signature validation."
            raise SignInError(401, "invalid_client", 700027, message)
        if float(_claims_of(assertion).get("exp", 0)) <= self.clock.now().timestamp():
            message = "Client assertion is not within its valid time range."
            raise SignInError(401, "invalid_client", 700024, message)

    def _sign(self, claims: Mapping[str, Json]) -> str:
        header = _base64(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        head = f"{header}.{_base64(json.dumps(claims).encode())}"
        return f"{head}.{self._signature(head)}"

    def _signature(self, head: str) -> str:
        return _base64(new_hmac(self._key, head.encode("utf-8", "replace"), sha256).digest())


def _client_id_in(form: Mapping[str, str]) -> str:
    client_id = form.get("client_id", "").lower()
    if not client_id and form.get("client_assertion"):
        client_id = str(_claims_of(form["client_assertion"]).get("sub", "")).lower()
    if not client_id:
        raise _missing_parameter("'client_id'")
    return client_id


def _missing_parameter(named: str) -> SignInError:
    message = f"The request body must contain the following parameter: {named}."
    return SignInError(400, "invalid_request", 900144, message)


def _certificate_refused(name: str) -> SignInError:
    message = (
        "The certificate with identifier used to sign the client assertion is not registered on "
        f"application. [Thumbprint of key used by client: '{name[:100]}']"
    )
    return SignInError(401, "invalid_client", 700027, message)


def _grant_refused(grant: str | None) -> SignInError:
    if not grant:
        return _missing_parameter("'grant_type'")
    message = f"The app requested an unsupported grant type '{grant[:60]}'."
    return SignInError(400, "unsupported_grant_type", 70003, message)


def _secret_refused(client_id: str, secret: str | None) -> SignInError:
    if not secret:
        message = (
            "The request body must contain the following parameter: 'client_assertion' or "
            "'client_secret'."
        )
        return SignInError(401, "invalid_client", 7000218, message)
    message = (
        "Invalid client secret provided. Ensure the secret being sent in the request is the "
        "client secret value, not the client secret ID, for a secret added to app "
        f"'{client_id}'."
    )
    return SignInError(401, "invalid_client", 7000215, message)


def _audience_of(scope: str, *, v1: bool) -> str:
    if v1:
        return scope.rstrip("/")
    if not scope.endswith("/.default"):
        raise SignInError(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope[:100]} is not valid. Client credential flows "
            "must have a scope value with /.default suffixed to the resource identifier "
            "(application ID URI).",
        )
    return scope.removesuffix("/.default").rstrip("/")


def _is_signed_by(certificate: Certificate, header: Mapping[str, Json], parts: list[str]) -> bool:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    padding = PSS(MGF1(SHA256()), PSS.AUTO) if header.get("alg") == "PS256" else PKCS1v15()
    try:
        key.verify(_unbase64(parts[2]), f"{parts[0]}.{parts[1]}".encode(), padding, SHA256())
    except (InvalidSignature, Base64Error):
        return False
    return True


def _claims_of(assertion: str) -> dict[str, Json]:
    parts = assertion.split(".")
    return _json_of(parts[1]) if len(parts) == 3 else {}


def _json_of(part: str) -> dict[str, Json]:
    try:
        found = json.loads(_unbase64(part))
    except (ValueError, Base64Error):
        return {}
    return as_object(found) or {}


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _unbase64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
