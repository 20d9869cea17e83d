"""The one error a request can end with; no HTTP here."""

from connector.emulator.protocol.error_codes import ErrorCode


class ODataError(Exception):
    """A refusal: HTTP status, Dataverse's error code as it stands on the wire, and the sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(message)


def bad_query(message: str) -> ODataError:
    """A 400 with the code of OData URL and query errors."""
    return ODataError(400, ErrorCode.BAD_REQUEST_URL, message)


def invalid_argument(message: str) -> ODataError:
    """A 400 for a value that an operation or a condition cannot take."""
    return ODataError(400, ErrorCode.INVALID_ARGUMENT, message)


def not_supported(message: str) -> ODataError:
    """A 501: the request is understood, Dataverse (or this emulator) does not offer it."""
    return ODataError(501, ErrorCode.BAD_REQUEST_URL, message)


def missing_property(name: str, table: str) -> ODataError:
    """The refusal of a property that the entity type lacks."""
    return bad_query(
        f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'."
    )
