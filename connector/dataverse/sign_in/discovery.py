"""Asks an environment where to sign in, by its answer to a request without a token."""

import requests

from connector.dataverse.sign_in.clouds import is_trusted_authority, parse_challenge
from connector.dataverse.wire.errors import NotSent, SignInProblem, UnusableRequest
from connector.dataverse.wire.odata import build_api_url

_TIMEOUT = (10.0, 30.0)


def discover_authority(root: str, session: requests.Session) -> str:
    """The authority, tenant included, that the environment names in its 401.

    Raises UnusableRequest when the URL is not that of an environment, NotSent when it does not
    answer for now, SignInProblem when the authority is neither Microsoft's nor the environment's
    own: a secret is not sent to a stranger.
    """
    try:
        reply = session.get(build_api_url(root), timeout=_TIMEOUT, allow_redirects=False)
    except OSError as error:  # all of requests' own, and a bare one for a CA file that has gone
        raise _explain(root, error) from error
    authority = parse_challenge(reply.headers.get("WWW-Authenticate", ""))
    if reply.status_code != 401 or authority is None:
        raise UnusableRequest(
            f"{root} does not answer like a Dataverse Web API ({reply.status_code}): check "
            "LEADROBIN_DATAVERSE__URL"
        )
    if not is_trusted_authority(authority, root):
        raise SignInProblem(
            f"{root} names {authority} to sign in at, which is not Microsoft's: set "
            "LEADROBIN_AUTH__AUTHORITY if that is right"
        )
    return authority


def _explain(root: str, error: OSError) -> Exception:
    if "CERTIFICATE_VERIFY_FAILED" in repr(error):
        return UnusableRequest(
            f"the certificate of {root} is not trusted: set LEADROBIN_DATAVERSE__CA_FILE to the "
            "CA that issued it"
        )
    return NotSent(f"{root} cannot be asked where to sign in ({type(error).__name__})")
