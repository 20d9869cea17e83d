"""Signs in with MSAL and keeps the token fresh; which host to sign in at is decided in `clouds`."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import msal
import requests
import structlog

from connector.dataverse.certificates import SigningCertificate
from connector.dataverse.clouds import is_microsoft_authority
from connector.dataverse.errors import LostReply, SignInProblem
from connector.ports import Clock

log = structlog.get_logger(__name__)

REFRESH_MARGIN = timedelta(minutes=5)
_SIGN_IN_TIMEOUT_SECONDS = 30

Answer = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token and the instant it stops working; never printed."""

    value: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"AccessToken(***, expires_at={self.expires_at.isoformat()})"


class TokenSource(Protocol):
    """Obtains a new token each time it is asked."""

    def fetch_token(self) -> AccessToken:
        """Sign in; raises SignInProblem with what to do, or LostReply when the network failed."""
        ...


class TokenCache:
    """The current token, shared by all threads of one credential."""

    def __init__(self, source: TokenSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._token: AccessToken | None = None
        self._lock = threading.Lock()

    def read_token(self) -> str:
        """The token to send now; fetched anew from five minutes before it expires."""
        with self._lock:
            token = self._token
            if token is None or self._clock.now() >= token.expires_at - REFRESH_MARGIN:
                token = self._source.fetch_token()
                self._token = token
                log.info("signed in", action="sign_in", expires_at=token.expires_at.isoformat())
            return token.value

    def drop_token(self, refused: str) -> None:
        """Forget a token the server refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token is not None and self._token.value == refused:
                self._token = None


class StaticToken:
    """A token made elsewhere, for tests and for emulators that accept any."""

    def __init__(self, value: str, clock: Clock) -> None:
        self._value = value
        self._clock = clock

    def fetch_token(self) -> AccessToken:
        """The same token, for another day."""
        return AccessToken(self._value, self._clock.now() + timedelta(days=1))


class ConfidentialSignIn:
    """Client secret or certificate, through the v2.0 token endpoint.

    https://learn.microsoft.com/power-apps/developer/data-platform/authenticate-oauth
    """

    def __init__(
        self,
        credential: str | SigningCertificate,
        client_id: str,
        *,
        scope: str,
        authority: Callable[[], str],
        session: requests.Session,
        clock: Clock,
    ) -> None:
        self._credential = credential
        self._client_id = client_id
        self._scope = scope
        self._authority = authority
        self._session = session
        self._clock = clock
        self._application: msal.ConfidentialClientApplication | None = None

    def fetch_token(self) -> AccessToken:
        """A new token, past MSAL's own cache, which goes by the machine's clock and not by ours."""
        if isinstance(self._credential, SigningCertificate):
            self._credential.raise_if_expired(self._clock.now())
        application = self._application or self._connect()
        self._application = application
        application.remove_tokens_for_client()
        asked_at = self._clock.now()
        answer = run_sign_in(lambda: application.acquire_token_for_client(scopes=[self._scope]))
        return read_answer(answer, asked_at)

    def _connect(self) -> "msal.ConfidentialClientApplication":
        authority = self._authority()
        return run_sign_in(
            lambda: msal.ConfidentialClientApplication(
                self._client_id,
                authority=authority,
                client_credential=build_client_credential(self._credential),
                instance_discovery=None if is_microsoft_authority(authority) else False,
                http_client=self._session,
            )
        )


class DeviceCodeSignIn:
    """A person signs in with a code on another device; later tokens come from the refresh token."""

    def __init__(
        self,
        show_message: Callable[[str], None],
        client_id: str,
        *,
        scope: str,
        authority: Callable[[], str],
        session: requests.Session,
        clock: Clock,
    ) -> None:
        self._show_message = show_message
        self._client_id = client_id
        self._scope = scope
        self._authority = authority
        self._session = session
        self._clock = clock
        self._application: msal.PublicClientApplication | None = None

    def fetch_token(self) -> AccessToken:
        """Refresh silently where possible, ask the person otherwise."""
        application = self._application or self._connect()
        self._application = application
        asked_at = self._clock.now()
        answer = run_sign_in(lambda: self._refresh(application) or self._ask_person(application))
        return read_answer(answer, asked_at)

    def _connect(self) -> "msal.PublicClientApplication":
        authority = self._authority()
        return run_sign_in(
            lambda: msal.PublicClientApplication(
                self._client_id,
                authority=authority,
                instance_discovery=None if is_microsoft_authority(authority) else False,
                http_client=self._session,
            )
        )

    def _refresh(self, application: "msal.PublicClientApplication") -> Answer | None:
        accounts = application.get_accounts()
        if not accounts:
            return None
        answer: Answer | None = application.acquire_token_silent(
            [self._scope], account=accounts[0], force_refresh=True
        )
        return answer

    def _ask_person(self, application: "msal.PublicClientApplication") -> Answer:
        flow = application.initiate_device_flow(scopes=[self._scope])
        if "user_code" not in flow:
            return dict(flow)
        self._show_message(str(flow["message"]))
        return dict(application.acquire_token_by_device_flow(flow))


class ManagedIdentitySignIn:
    """The identity Azure gives the machine; there is no secret. `client_id` None = system-assigned."""

    def __init__(
        self, client_id: str | None, *, resource: str, session: requests.Session, clock: Clock
    ) -> None:
        self._client_id = client_id
        self._resource = resource
        self._session = session
        self._clock = clock

    def fetch_token(self) -> AccessToken:
        """A token from the machine's identity endpoint, past MSAL's cache."""
        identity = (
            msal.UserAssignedManagedIdentity(client_id=self._client_id)
            if self._client_id
            else msal.SystemAssignedManagedIdentity()
        )
        client = msal.ManagedIdentityClient(identity, http_client=self._session)
        asked_at = self._clock.now()
        return read_answer(
            run_sign_in(lambda: client.acquire_token_for_client(resource=self._resource)), asked_at
        )


def build_client_credential(credential: str | SigningCertificate) -> str | dict[str, str]:
    """What MSAL wants: the secret, or key, thumbprint and public certificate (sent as x5c)."""
    if isinstance(credential, str):
        return credential
    return {
        "private_key": credential.private_key,
        "thumbprint": credential.thumbprint,
        "public_certificate": credential.certificate,
    }


def build_sign_in_session(session: requests.Session) -> requests.Session:
    """Give a session the time limit MSAL itself does not set."""
    send = session.send

    def send_with_limit(request: requests.PreparedRequest, **options: object) -> requests.Response:
        if options.get("timeout") is None:
            options["timeout"] = _SIGN_IN_TIMEOUT_SECONDS
        return send(request, **options)  # type: ignore[arg-type]

    session.send = send_with_limit  # type: ignore[method-assign, assignment]
    return session


Result = TypeVar("Result")


def run_sign_in(step: Callable[[], Result]) -> Result:
    """Run one step of MSAL; raises SignInProblem or LostReply in place of its own exceptions."""
    try:
        return step()
    except requests.exceptions.SSLError as error:
        raise SignInProblem(
            "The sign-in host's certificate is not trusted: set LEADROBIN_DATAVERSE__CA_FILE to the CA that issued it."
        ) from error
    except requests.exceptions.RequestException as error:
        raise LostReply(f"The sign-in host cannot be reached ({type(error).__name__}).") from error
    except ValueError as error:
        raise SignInProblem(
            f"The tenant or the authority is wrong, or does not answer: check the tenant id. ({_first_line(error)})"
        ) from error


def read_answer(answer: Answer | None, asked_at: datetime) -> AccessToken:
    """The token in MSAL's answer; raises SignInProblem with a remedy for the error Entra ID named."""
    if answer is None:
        raise SignInProblem("Signing in gave no answer; try again.")
    token, expires_in = answer.get("access_token"), answer.get("expires_in")
    if isinstance(token, str) and isinstance(expires_in, int | float | str):
        return AccessToken(token, asked_at + timedelta(seconds=float(expires_in)))
    raise SignInProblem(explain_refusal(answer))


_REMEDIES = (
    (
        "AADSTS7000215",
        "The client secret is wrong: use the secret's value, not its id (LEADROBIN_AUTH__CLIENT_SECRET).",
    ),
    ("AADSTS7000222", "The client secret has expired: make a new one in the app registration."),
    (
        "AADSTS700016",
        "The tenant does not know this application: check the client id and the tenant id.",
    ),
    (
        "AADSTS700027",
        "The certificate is not accepted: upload its public part to the app registration, and check that it has not expired.",
    ),
    ("AADSTS700024", "The signed assertion is outside its time range: check this machine's clock."),
    ("AADSTS90002", "The tenant is unknown: check the tenant id."),
    ("AADSTS900023", "The tenant id is neither a GUID nor a verified domain."),
    (
        "AADSTS500011",
        "The tenant does not know the environment: check that the environment URL belongs to this tenant.",
    ),
    ("AADSTS65001", "An administrator has to consent to this application."),
    ("AADSTS53003", "A conditional access policy of the tenant refuses this sign-in."),
)


def explain_refusal(answer: Answer) -> str:
    """One sentence for an error answer; the service's own first line follows in brackets."""
    said = _first_line(answer.get("error_description") or answer.get("error") or "no reason given")
    trace = answer.get("correlation_id")
    detail = f"{said} [correlation {trace}]" if trace else said
    for code, remedy in _REMEDIES:
        if code in said:
            return f"{remedy} ({detail})"
    return f"Signing in was refused: {detail}"


def _first_line(text: object) -> str:
    lines = str(text).strip().splitlines()
    return lines[0][:300] if lines else ""
