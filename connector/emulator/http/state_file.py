"""What an emulator knows beside its rows, kept in the same database: clock, privileges, settings.

With it a state file can be opened again after any end, and a snapshot holds everything. Registered
applications are not kept.
"""

from dataclasses import asdict, dataclass, field

import msgspec

from connector.emulator.background.webhooks import DeliverySettings, WebhookSender
from connector.emulator.organization.organization import Organization
from connector.emulator.organization.privileges import Privileges
from connector.emulator.organization.tokens import Tenant
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.storage.database import Storage

_STATE = "state"
_STARTS = "starts"
_SEED = "seed"


def load_setting(storage: Storage, name: str) -> Json:
    """A kept value, None when there is none."""
    found = storage.query("SELECT value FROM emulator_setting WHERE name = ?", (name,))
    return msgspec.json.decode(str(found[0][0])) if found else None


def save_setting(storage: Storage, name: str, value: Json) -> None:
    """Keep a value."""
    text = msgspec.json.encode(value).decode()
    storage.query("INSERT OR REPLACE INTO emulator_setting VALUES (?, ?)", (name, text))


def was_seeded(storage: Storage) -> bool:
    """Whether the database was filled to the end once."""
    return load_setting(storage, _STARTS) is not None


def count_start(storage: Storage, seed: int) -> tuple[int, int]:
    """Count one more start; returns which it is and the seed of the first, which stays."""
    number = int(load_setting(storage, _STARTS) or 0) + 1
    first_seed = load_setting(storage, _SEED)
    save_setting(storage, _STARTS, number)
    if first_seed is None:
        save_setting(storage, _SEED, seed)
    return number, seed if first_seed is None else int(first_seed)


@dataclass
class SavedState:
    """Saves and loads what is not in rows; `save` is cheap when nothing changed."""

    organization: Organization
    privileges: Privileges
    tenant: Tenant
    webhooks: WebhookSender
    _saved: dict[str, Json] = field(default_factory=dict[str, Json], init=False)
    _grants_revision: int = field(default=-1, init=False)

    def save(self, *, even_if_unchanged: bool = False) -> None:
        """Write what changed since the last time."""
        state = self._state()
        revision = self.privileges.roles.revision
        unchanged = state == self._saved and revision == self._grants_revision
        if unchanged and not even_if_unchanged:
            return
        self._saved, self._grants_revision = state, revision
        document = {**state, "grants": self._grants()}
        save_setting(self.organization.storage, _STATE, document)

    def load(self) -> None:
        """Take over what is kept; nothing kept changes nothing."""
        document = load_setting(self.organization.storage, _STATE)
        if document is None:
            return
        organization = self.organization
        organization.clock.restore(document["clock_offset"], document["clock_frozen"])
        organization.metadata_changes = dict(document["metadata_changes"])
        organization.delta_floor = document["delta_floor"]
        organization.cascade_delay_seconds = document["cascade_delay_seconds"]
        organization.count_age_seconds = document["count_age_seconds"]
        organization.catalog.restore(document["catalog_version"])
        self.tenant.revoked_before = document["revoked_before"]
        self.webhooks.settings = msgspec.convert(document["deliveries"], DeliverySettings)
        self._load_grants(document["grants"])

    def _load_grants(self, kept: dict[str, list[tuple[str, str, int]]]) -> None:
        roles = {
            role_id: {(verb, table): depth for verb, table, depth in grants}
            for role_id, grants in kept.items()
        }
        self.privileges.roles.restore(roles)

    def _state(self) -> dict[str, Json]:
        organization = self.organization
        offset, frozen = organization.clock.position
        return {
            "clock_offset": offset,
            "clock_frozen": frozen,
            "metadata_changes": dict(organization.metadata_changes),
            "delta_floor": organization.delta_floor,
            "cascade_delay_seconds": organization.cascade_delay_seconds,
            "count_age_seconds": organization.count_age_seconds,
            "catalog_version": organization.catalog.version,
            "revoked_before": self.tenant.revoked_before,
            "deliveries": asdict(self.webhooks.settings),
        }

    def _grants(self) -> dict[str, list[tuple[str, str, int]]]:
        return {
            role_id: [(verb, table, depth) for (verb, table), depth in grants.items()]
            for role_id, grants in self.privileges.roles.grants.items()
        }
