"""The session that signing in runs over: every request has an end, and a host may ask for patience.

MSAL sets no time limit, and gives up at once where the host asks to wait.
"""

from urllib.parse import urlsplit

import requests

from connector.dataverse.wire.errors import SignInBusy
from connector.dataverse.wire.transport import parse_retry_after
from connector.ports import Clock

_TIMEOUT_SECONDS = 30
_ASKS_FOR_PATIENCE = frozenset({408, 429})


def build_sign_in_session(session: requests.Session, clock: Clock) -> requests.Session:
    """Give a session a time limit, and let it raise SignInBusy for 408, 429 and 5xx."""
    send = session.send

    def send_patiently(request: requests.PreparedRequest, **options: object) -> requests.Response:
        if options.get("timeout") is None:
            options["timeout"] = _TIMEOUT_SECONDS
        answer = send(request, **options)  # type: ignore[arg-type]
        if answer.status_code in _ASKS_FOR_PATIENCE or answer.status_code >= 500:
            raise _explain(answer, clock)
        return answer

    session.send = send_patiently  # type: ignore[method-assign]
    return session


def _explain(answer: requests.Response, clock: Clock) -> SignInBusy:
    answer.close()
    wait = parse_retry_after(answer.headers.get("Retry-After"), clock.now())
    asked = f" and asks for a wait of {wait.total_seconds():.0f} s" if wait is not None else ""
    return SignInBusy(
        f"signing in was put off: {urlsplit(str(answer.url)).hostname} answers "
        f"{answer.status_code}{asked}",
        retry_after=wait,
    )
