"""A Web API request and its answer, free of the HTTP server and of `$batch`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import msgspec

from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.json_shapes import Json, as_object

JSON_TYPE = "application/json; odata.metadata=minimal"
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the `Prefer` header asks for; `applied` is echoed in `Preference-Applied`."""

    return_representation: bool = False
    annotations: tuple[str, ...] = ()
    max_page_size: int | None = None
    track_changes: bool = False
    continue_on_error: bool = False
    applied: tuple[str, ...] = ()

    def wants_annotation(self, name: str) -> bool:
        """Whether an annotation (with its namespace) was asked for, by name or wildcard."""
        return any(fnmatchcase(name, pattern) for pattern in self.annotations)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is: the user, and the application user that acts for it, if one does."""

    user_id: str
    business_unit_id: str
    on_behalf_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `path` is relative to the service root and encoded, headers are lower-case.

    `base` is the service root without a trailing slash (`https://127.0.0.1:43121/api/data/v9.2`);
    `references` maps `$1` to the URI that Content-ID 1 of the same change set created.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    base: str
    caller: Caller
    references: Mapping[str, str] = field(default_factory=dict[str, str])

    def header(self, name: str) -> str | None:
        """A header by its lower-case name."""
        return self.headers.get(name)

    @property
    def preferences(self) -> Preferences:
        """The parsed `Prefer` header."""
        return parse_preferences(self.headers.get("prefer", ""))

    def json(self) -> Json:
        """The body as JSON; raises ODataError 400 when it is not."""
        if not self.body.strip():
            raise ODataError(400, ErrorCode.BAD_PAYLOAD, "A non-empty request body is required.")
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ODataError(400, ErrorCode.BAD_PAYLOAD, f"Invalid JSON. {error}") from error
        except RecursionError as error:
            raise ODataError(
                400, ErrorCode.BAD_PAYLOAD, "Invalid JSON. It is nested too deeply."
            ) from error

    def json_object(self) -> dict[str, Json]:
        """The body as a JSON object."""
        value = as_object(self.json())
        if value is None:
            message = "Invalid JSON. The request body must be a JSON object."
            raise ODataError(400, ErrorCode.BAD_PAYLOAD, message)
        return value


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `headers` keep their order and may repeat."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def with_header(self, name: str, value: str) -> "Response":
        """The same answer with one more header."""
        return replace(self, headers=(*self.headers, (name, value)))

    def header(self, name: str) -> str | None:
        """The first header of that name, without case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


def encode(document: object) -> bytes:
    """JSON text; a Decimal keeps its digits (`20000.0000`)."""
    return _ENCODER.encode(document)


def json_response(
    document: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    """An answer with a JSON body."""
    fixed = (("Content-Type", JSON_TYPE), ("OData-Version", "4.0"))
    return Response(status, (*fixed, *headers), encode(document))


def empty_response(headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """204 No Content."""
    return Response(204, (("OData-Version", "4.0"), *headers))


def number_response(value: int) -> Response:
    """A number alone, as `$count` answers."""
    headers = (("Content-Type", "text/plain"), ("OData-Version", "4.0"))
    return Response(200, headers, str(value).encode())


def error_response(error: ODataError, preferences: Preferences | None = None) -> Response:
    """Dataverse's error document; details only when the caller asked for annotations."""
    message = error.message.encode("utf-8", "replace").decode()
    document: dict[str, object] = {"code": error.code, "message": message}
    name = "@Microsoft.PowerApps.CDS."
    if preferences and preferences.wants_annotation("Microsoft.PowerApps.CDS.ErrorDetails.X"):
        document[f"{name}ErrorDetails.OperationStatus"] = "0"
        document[f"{name}ErrorDetails.SubErrorCode"] = "2146233088"
    if preferences and preferences.wants_annotation("Microsoft.PowerApps.CDS.HelpLink"):
        document[f"{name}HelpLink"] = (
            f"http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{error.code}"
        )
        document[f"{name}TraceText"] = f"[Microsoft.Crm: {message}]"
        document[f"{name}InnerError.Message"] = message
    return json_response({"error": document}, error.status)


def parse_preferences(header: str) -> Preferences:
    """Read a `Prefer` header; what is not known is ignored, as the standard asks."""
    found: dict[str, Json] = {}
    applied: list[str] = []
    for part in _split_outside_quotes(header):
        name, _, raw = part.partition("=")
        value = raw.strip().strip('"')
        known = _read_preference(name.strip().lower(), value)
        if known:
            found.update(known)
            applied.append(part)
    return Preferences(**found, applied=tuple(applied))


def _read_preference(name: str, value: str) -> dict[str, Json]:
    match name:
        case "return" if value == "representation":
            return {"return_representation": True}
        case "return" if value == "minimal":
            return {"return_representation": False}
        case "odata.include-annotations":
            return {"annotations": tuple(each.strip() for each in value.split(",") if each.strip())}
        case "odata.maxpagesize" if value.isdecimal() and 0 < int(value) < 1_000_000_000:
            return {"max_page_size": int(value)}
        case "odata.track-changes":
            return {"track_changes": True}
        case "odata.continue-on-error":
            return {"continue_on_error": value.lower() != "false"}
        case _:
            return {}


def _split_outside_quotes(text: str) -> list[str]:
    parts: list[str] = []
    quoted, current = False, ""
    for character in text:
        if character == '"':
            quoted = not quoted
        if character == "," and not quoted:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [part for part in (*parts, current.strip()) if part]
