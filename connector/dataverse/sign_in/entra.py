"""Signs in with MSAL: as an application, a managed identity or a person; hosts are in `clouds`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msal as untyped_msal
import requests

from connector.dataverse.sign_in.certificates import SigningCertificate
from connector.dataverse.sign_in.tokens import AccessToken
from connector.dataverse.wire.errors import SignInProblem, SignInUnreachable
from connector.ports import Clock

Answer = Mapping[str, object]
Result = TypeVar("Result")
msal: Any = untyped_msal  # MSAL carries no types; its answers are checked by `read_answer`


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRegistration:
    """Who signs in, for which scope, and over which session; the authority is found when needed."""

    client_id: str
    scope: str
    authority: Callable[[], str]
    session: requests.Session
    clock: Clock

    def connect(self, kind: Any, **options: object) -> Any:
        """An MSAL application of a kind.

        Instance discovery stays off: it only knows Microsoft's own hosts, and asks them about ours.
        """
        authority = self.authority()
        return run_sign_in(
            lambda: kind(
                self.client_id,
                authority=authority,
                instance_discovery=False,
                http_client=self.session,
                **options,
            )
        )


class ConfidentialSignIn:
    """Client secret or certificate, through the v2.0 token endpoint.

    https://learn.microsoft.com/power-apps/developer/data-platform/authenticate-oauth
    """

    def __init__(self, credential: str | SigningCertificate, registration: AppRegistration) -> None:
        self._credential = credential
        self._registration = registration
        self._application: Any = None

    def fetch_token(self) -> AccessToken:
        """A new token, past MSAL's own cache, which goes by the machine's clock and not by ours."""
        asked_at = self._registration.clock.now()
        if isinstance(self._credential, SigningCertificate):
            self._credential.raise_if_expired(asked_at)
        if self._application is None:
            self._application = self._registration.connect(
                msal.ConfidentialClientApplication,
                client_credential=build_client_credential(self._credential),
            )
        application, scopes = self._application, [self._registration.scope]
        application.remove_tokens_for_client()
        answer = run_sign_in(lambda: application.acquire_token_for_client(scopes=scopes))
        return read_answer(answer, asked_at)


class DeviceCodeSignIn:
    """A person signs in with a code on another device; later tokens come from the refresh token.

    With `cache_path` the refresh token is kept between runs, in a file only its owner may read.
    """

    def __init__(
        self,
        show_message: Callable[[str], None],
        registration: AppRegistration,
        *,
        cache_path: Path | None = None,
    ) -> None:
        self._show_message = show_message
        self._registration = registration
        self._cache_path = cache_path
        self._cache: Any = msal.SerializableTokenCache()
        self._application: Any = None

    def fetch_token(self) -> AccessToken:
        """Refresh silently where possible, ask the person otherwise."""
        asked_at = self._registration.clock.now()
        if self._application is None:
            self._load_cache()
            self._application = self._registration.connect(
                msal.PublicClientApplication, token_cache=self._cache
            )
        answer = run_sign_in(lambda: self._refresh() or self._ask_person())
        self._save_cache()
        return read_answer(answer, asked_at)

    def _refresh(self) -> Answer | None:
        accounts = self._application.get_accounts()
        if not accounts:
            return None
        answer: Answer | None = self._application.acquire_token_silent(
            [self._registration.scope], account=accounts[0], force_refresh=True
        )
        return answer

    def _ask_person(self) -> Answer:
        flow: dict[str, object] = self._application.initiate_device_flow(
            scopes=[self._registration.scope]
        )
        if "user_code" not in flow:
            return flow
        self._show_message(str(flow["message"]))
        answer: Answer = self._application.acquire_token_by_device_flow(flow)
        return answer

    def _load_cache(self) -> None:
        if self._cache_path is not None and self._cache_path.exists():
            self._cache.deserialize(self._cache_path.read_text(encoding="utf-8"))

    def _save_cache(self) -> None:
        if self._cache_path is None or not self._cache.has_state_changed:
            return
        descriptor = os.open(self._cache_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self._cache.serialize())


class ManagedIdentitySignIn:
    """The identity Azure gives the machine, without a secret; no `client_id` = system-assigned."""

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


def run_sign_in(step: Callable[[], Result]) -> Result:
    """Run one step of MSAL; raises our own errors in place of its own exceptions."""
    try:
        return step()
    except OSError as error:  # all of requests' own, and a bare one for a CA file that has gone
        if "CERTIFICATE_VERIFY_FAILED" in repr(error):
            raise SignInProblem(
                "the sign-in host's certificate is not trusted: set LEADROBIN_DATAVERSE__CA_FILE "
                "to the CA that issued it"
            ) from error
        raise SignInUnreachable(
            f"the sign-in host cannot be reached ({type(error).__name__})"
        ) from error
    except ValueError as error:
        raise SignInProblem(
            "the tenant or the authority is wrong, or does not answer: check the tenant id "
            f"({_first_line(error)})"
        ) from error


def read_answer(answer: Answer | None, asked_at: datetime) -> AccessToken:
    """The token in MSAL's answer; raises SignInProblem with a remedy for the error it names."""
    if answer is None:
        raise SignInProblem("signing in gave no answer; try again")
    token, expires_in = answer.get("access_token"), answer.get("expires_in")
    if isinstance(token, str) and isinstance(expires_in, int | float | str):
        return AccessToken(token, asked_at + timedelta(seconds=float(expires_in)))
    raise SignInProblem(explain_refusal(answer))


_REMEDIES = {
    "AADSTS7000215": (
        "the client secret is wrong: use the secret's value, not its id "
        "(LEADROBIN_AUTH__CLIENT_SECRET)"
    ),
    "AADSTS7000222": "the client secret has expired: make a new one in the app registration",
    "AADSTS700016": (
        "the tenant does not know this application: check the client id and the tenant id"
    ),
    "AADSTS700027": (
        "the certificate is not accepted: upload its public part to the app registration and "
        "check that it has not expired"
    ),
    "AADSTS700024": ("the signed assertion is outside its time range: check this machine's clock"),
    "AADSTS90002": "the tenant is unknown: check the tenant id",
    "AADSTS900023": "the tenant id is neither a GUID nor a verified domain",
    "AADSTS500011": (
        "the tenant does not know the environment: check that the environment URL belongs to it"
    ),
    "AADSTS65001": "an administrator has to consent to this application",
    "AADSTS53003": "a conditional access policy of the tenant refuses this sign-in",
}


def explain_refusal(answer: Answer) -> str:
    """One sentence for an error answer; the service's own first line follows in brackets."""
    said = _first_line(answer.get("error_description") or answer.get("error") or "no reason given")
    trace = answer.get("correlation_id")
    detail = f"{said} [correlation {trace}]" if trace else said
    for code, remedy in _REMEDIES.items():
        if f"{code}:" in said:
            return f"{remedy} ({detail})"
    return f"signing in was refused: {detail}"


def _first_line(text: object) -> str:
    lines = str(text).strip().splitlines()
    return lines[0][:300] if lines else ""
