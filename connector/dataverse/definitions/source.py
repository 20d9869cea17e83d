"""Asks for metadata over the wire and keeps the answers while the metadata version stands.

What the answers mean is in `reader`.
"""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from connector.dataverse.channel import Channel
from connector.dataverse.wire import odata
from connector.dataverse.wire.errors import RowFault
from connector.dataverse.wire.payloads import decode_collection
from connector.dataverse.wire.transport import Request
from connector.ports import Clock

CHECK_INTERVAL = timedelta(minutes=10)
"""How long a version is believed when no page of rows brings it along."""


class DefinitionSource:
    """Answers by address below the service root; safe for many threads.

    https://learn.microsoft.com/power-apps/developer/data-platform/cache-schema-data
    """

    def __init__(self, channel: Channel, clock: Clock) -> None:
        self._channel = channel
        self._clock = clock
        self._lock = threading.Lock()
        self._bodies: dict[str, bytes] = {}
        self._version: str | None = None
        self._seen_at: datetime = clock.now()
        self._must_check = False

    def read(self, address: str) -> bytes:
        """The answer to a GET, from memory where it is known; raises as `Channel.call` does."""
        with self._lock:
            known = self._bodies.get(address)
        if known is not None:
            return known
        url = f"{self._channel.api}{address}"
        body = self._channel.call(Request(method="GET", url=url, operation="metadata")).body
        with self._lock:
            self._bodies[address] = body
        return body

    def note_version(self, version: str | None) -> bool:
        """Take in a `globalmetadataversion`; True, and everything is forgotten, when it moved."""
        if version is None:
            return False
        with self._lock:
            moved = self._version is not None and self._version != version
            self._version = version
            self._seen_at = self._clock.now()
            if moved:
                self._bodies.clear()
        return moved

    def check_version(self) -> bool:
        """Ask for the version when nobody told it for long; True when it moved."""
        with self._lock:
            is_due = self._must_check or self._clock.now() - self._seen_at > CHECK_INTERVAL
            self._must_check = False
            if is_due:
                self._seen_at = self._clock.now()
        return is_due and self._ask()

    def to_plain(self) -> dict[str, object] | None:
        """The answers as plain data to keep over a restart; None while their version is unknown."""
        with self._lock:
            if self._version is None:
                return None
            bodies = {address: body.decode() for address, body in self._bodies.items()}
            return {"version": self._version, "bodies": bodies}

    def restore(self, data: Mapping[str, object] | None) -> None:
        """Take over what `to_plain` gave; it counts once the environment says the same version.

        With None only the version is asked for, before the first answer is kept.
        """
        with self._lock:
            self._must_check = True
            if data is not None:
                self._version = str(data["version"])
                bodies = cast("Mapping[str, str]", data["bodies"])
                self._bodies = {address: body.encode() for address, body in bodies.items()}

    def _ask(self) -> bool:
        prefer = odata.build_prefer(page_size=None, annotations=(odata.METADATA_VERSION,))
        request = Request(
            method="GET",
            url=f"{self._channel.api}organizations?$select=organizationid",
            operation="metadata_version",
            headers={"Prefer": prefer},
        )
        try:
            version = decode_collection(self._channel.call(request).body).metadata_version
        except (RowFault, ValueError):
            version = None
        if version is not None:
            return self.note_version(version)
        with self._lock:
            # Nobody can say whether what is kept still holds.
            self._version = None
            self._bodies.clear()
        return True
