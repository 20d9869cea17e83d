"""Reads further application users from a file; what they are for is in `application_users`."""

from dataclasses import replace
from pathlib import Path

import msgspec

from connector.dataverse.sign_in.options import SignInOptions
from engine.errors import ConfigProblem


class UserEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of the file."""

    client_id: str
    client_secret: str


def read_more_users(path: Path | None, first: SignInOptions) -> tuple[SignInOptions, ...]:
    """The users of a file, in the directory of the first one; raises ConfigProblem."""
    if path is None:
        return ()
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=list[UserEntry])
    except OSError as error:
        raise ConfigProblem(
            f"LEADROBIN_AUTH__MORE_USERS_FILE cannot be read: {path}: {error.strerror}"
        ) from error
    except msgspec.MsgspecError as error:
        raise ConfigProblem(
            f"LEADROBIN_AUTH__MORE_USERS_FILE {path} must be a list of objects with client_id and "
            f"client_secret: {error}"
        ) from error
    ids = [first.client_id, *(entry.client_id for entry in entries)]
    if len(set(ids)) < len(ids):
        raise ConfigProblem(
            f"{path} names an application user twice, or the one of LEADROBIN_AUTH__CLIENT_ID: "
            "the limits count once for each"
        )
    return tuple(
        replace(
            first,
            mode="client_secret",
            client_id=entry.client_id,
            client_secret=entry.client_secret,
        )
        for entry in entries
    )
