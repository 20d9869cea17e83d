"""Which sign-in service belongs to which environment host; signing in itself is in `entra`."""

import re
from urllib.parse import urlsplit

PUBLIC_AUTHORITY = "https://login.microsoftonline.com"

_AUTHORITY_BY_SUFFIX = (
    (".crm.microsoftdynamics.us", "https://login.microsoftonline.us"),
    (".crm.appsplatform.us", "https://login.microsoftonline.us"),
    (".crm.dynamics.cn", "https://login.partner.microsoftonline.cn"),
)
_MICROSOFT_HOSTS = frozenset(
    {
        "login.microsoftonline.com",
        "login.windows.net",
        "sts.windows.net",
        "login.microsoft.com",
        "login.microsoftonline.us",
        "login.usgovcloudapi.net",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
    }
)
_AUTHORIZATION_URI = re.compile(r"authorization_uri\s*=\s*\"?([^\s,\"]+)", re.IGNORECASE)


def choose_authority_host(environment_url: str) -> str:
    """The sign-in host of the cloud an environment lives in (public cloud and GCC share one).

    https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
    """
    host = urlsplit(environment_url).hostname or ""
    plain = host.replace(".api.", ".", 1)
    for suffix, authority in _AUTHORITY_BY_SUFFIX:
        if plain.endswith(suffix):
            return authority
    return PUBLIC_AUTHORITY


def is_dynamics_host(environment_url: str) -> bool:
    """Whether the host belongs to one of Microsoft's clouds, so that its sign-in host is known."""
    host = urlsplit(environment_url).hostname or ""
    return host.endswith(
        (".dynamics.com", ".microsoftdynamics.us", ".appsplatform.us", ".dynamics.cn")
    )


def is_microsoft_authority(authority: str) -> bool:
    """Whether an authority is one of Microsoft's own sign-in hosts."""
    return (urlsplit(authority).hostname or "") in _MICROSOFT_HOSTS


def parse_challenge(header: str) -> str | None:
    """The authority in a `WWW-Authenticate` header: its URI without the OAuth path."""
    found = _AUTHORIZATION_URI.search(header)
    if not found:
        return None
    uri = found.group(1).rstrip("/")
    for tail in ("/oauth2/v2.0/authorize", "/oauth2/authorize"):
        if uri.lower().endswith(tail):
            return uri[: -len(tail)]
    return uri


def is_trusted_authority(authority: str, environment_url: str) -> bool:
    """Whether credentials may go to a discovered authority: Microsoft's, or the environment's own
    host.
    """
    if is_microsoft_authority(authority):
        return True
    return (urlsplit(authority).hostname or "") == (urlsplit(environment_url).hostname or "")
