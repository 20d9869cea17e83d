"""Splits and decodes the query string exactly once; options are read where they are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from connector.emulator.protocol.errors import ODataError, bad_query, not_supported

SYSTEM_OPTIONS = frozenset(
    {
        "$select",
        "$filter",
        "$orderby",
        "$top",
        "$count",
        "$expand",
        "$apply",
        "$skiptoken",
        "$deltatoken",
        "$id",
    }
)
_REFUSED = {
    "$skip": "Skip Clause is not supported in CRM",
    "$search": "Search Clause is not supported in CRM",
    "$format": "The query parameter $format is not supported",
}
_CASELESS = {
    "fetchxml": "fetchXml",
    "sql": "sql",
    "savedquery": "savedQuery",
    "userquery": "userQuery",
}
_NOT_SERVED = frozenset({"savedQuery", "userQuery"})


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """The options of one request, in order and decoded; `raw` is the query string as it came."""

    pairs: tuple[tuple[str, str], ...] = ()
    raw: str = ""

    def get(self, name: str) -> str | None:
        """The option's decoded text, None when it was not given."""
        return next((value for key, value in self.pairs if key == name), None)

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self.pairs)

    @property
    def aliases(self) -> Mapping[str, str]:
        """Parameter aliases with their `@`: `{"@p1": "'lead'"}`."""
        return {key: value for key, value in self.pairs if key.startswith("@")}


def parse_query_options(raw_query: bytes | str) -> QueryOptions:
    """Decode a raw query string (without `?`): percent escapes as UTF-8, `+` as a blank, once.

    Raises ODataError 400 for an option given twice, for system options that Dataverse does not know
    ($skip, $search, $format and anything else that starts with `$`) and for escapes that are not
    UTF-8. Options that start with neither `$` nor `@` are kept for whoever asks (`fetchXml`,
    `tag`, …).
    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/overview
    """
    raw = raw_query
    if isinstance(raw, bytes):
        raw = raw.decode("utf-8", "surrogateescape")
    pairs: list[tuple[str, str]] = []
    seen: set[str] = set()
    for piece in raw.split("&"):
        if not piece:
            continue
        name, _, value = piece.partition("=")
        name = _canonical_name(decode_component(name).strip())
        _raise_if_refused(name, seen)
        seen.add(name)
        pairs.append((name, decode_component(value)))
    return QueryOptions(tuple(pairs), raw)


def decode_component(text: str) -> str:
    """Undo the encoding of one component of a query string: `+` and percent escapes."""
    return decode_escapes(text.replace("+", " "))


def decode_escapes(text: str) -> str:
    """Undo percent escapes; characters outside ASCII may also stand unescaped."""
    try:
        decoded = unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError as error:
        raise bad_query("The URI is malformed: an escape sequence is not valid UTF-8.") from error
    if "\x00" in decoded:
        raise bad_query("The URI is malformed: it holds a null character.")
    return decoded


def parse_count_option(text: str | None) -> bool:
    """`$count=true|false`."""
    if text is None or text.strip() == "false":
        return False
    if text.strip() == "true":
        return True
    raise bad_query(
        f"Invalid value '{text}' for $count query option found. Valid values are 'true' and "
        "'false'."
    )


def parse_top_option(text: str | None) -> int | None:
    """`$top=N`, N a non-negative integer."""
    if text is None:
        return None
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise bad_query(
            f"Invalid value '{text}' for $top query option found. The $top query option requires "
            "a non-negative integer value."
        )
    return int(digits)


def _canonical_name(name: str) -> str:
    return _CASELESS.get(name.lower(), name)


def _raise_if_refused(name: str, seen: set[str]) -> None:
    if name in seen:
        raise _duplicate(name)
    if name in _REFUSED:
        raise bad_query(_REFUSED[name])
    if name in _NOT_SERVED:
        raise not_supported(f"The query option '{name}' is not served: the emulator has no views.")
    if name.startswith("$") and name not in SYSTEM_OPTIONS:
        raise bad_query(
            f"The query parameter '{name}' begins with a system-reserved '$' character "
            "but is not recognized."
        )


def _duplicate(name: str) -> ODataError:
    return bad_query(
        f"Query option '{name}' was specified more than once, but it must be specified at most "
        "once."
    )
