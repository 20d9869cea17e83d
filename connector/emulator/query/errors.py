"""The one error a request can end with, and the codes Dataverse answers queries with;
no HTTP here.
"""

BAD_QUERY = "0x80060888"
BAD_PAYLOAD = "0x80048d19"
NO_ENTITY = "0x80041102"
NO_ATTRIBUTE = "0x80041103"
INVALID_ARGUMENT = "0x80040203"
AGGREGATE_LIMIT = "0x8004e023"
KEY_NOT_DEFINED = "0x80060890"
TOO_MANY_CONDITIONS = "0x8004430c"
TOO_MANY_LINKS = "0x8004430d"
TOO_MANY_VALUES = "0x8004430e"


class ODataError(Exception):
    """A refusal: HTTP status, Dataverse's error code as it stands on the wire, and the sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(message)


def bad_query(message: str) -> ODataError:
    """A 400 with the code of OData URL and query errors."""
    return ODataError(400, BAD_QUERY, message)


def not_supported(message: str) -> ODataError:
    """A 501: the request is understood, Dataverse (or this emulator) does not offer it."""
    return ODataError(501, BAD_QUERY, message)


def missing_property(name: str, table: str) -> ODataError:
    """The refusal of a property that the entity type lacks."""
    return bad_query(
        f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'."
    )
