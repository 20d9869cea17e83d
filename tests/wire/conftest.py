"""A client whose time stands still until it sleeps, and a mocked wire."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import responses

from connector.dataverse.client import DataverseClient
from connector.dataverse.limits.governor import GovernorOptions
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.wire.retrying import RetryPolicy
from connector.dataverse.wiring import ClientDependencies, ClientOptions, build_client
from connector.dataverse.writes.sender import WriteOptions

ROOT = "https://contoso.crm4.dynamics.com"
API = f"{ROOT}/api/data/v9.2"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

TABLES: dict[str, dict[str, Any]] = {
    "lead": {"set": "leads", "id": "leadid", "name": "fullname"},
    "opportunity": {"set": "opportunities", "id": "opportunityid", "name": "name"},
    "systemuser": {"set": "systemusers", "id": "systemuserid", "name": "fullname"},
    "team": {"set": "teams", "id": "teamid", "name": "name"},
    "queue": {"set": "queues", "id": "queueid", "name": "name"},
    "queueitem": {"set": "queueitems", "id": "queueitemid", "name": "title"},
    "task": {"set": "tasks", "id": "activityid", "name": "subject"},
    "msdyn_sequence": {"set": "msdyn_sequences", "id": "msdyn_sequenceid", "name": "msdyn_name"},
    "msdyn_sequencetarget": {
        "set": "msdyn_sequencetargets",
        "id": "msdyn_sequencetargetid",
        "name": "msdyn_name",
    },
}


@dataclass
class Timeline:
    """A clock that only moves when somebody sleeps."""

    instant: datetime = START
    naps: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.instant

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.instant += timedelta(seconds=seconds)

    @property
    def slept(self) -> float:
        return sum(self.naps)


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


Build = Callable[..., DataverseClient]


@pytest.fixture
def build(timeline: Timeline) -> Iterator[Build]:
    """Builds clients that are closed at the end; `mode` etc. override single options."""
    clients: list[DataverseClient] = []

    def make(**overrides: Any) -> DataverseClient:
        numbers = count(1)
        options = ClientOptions(
            url=ROOT,
            sign_in=SignInOptions(mode="static_token", token="secret-token"),
            retry=RetryPolicy(),
            governor=GovernorOptions(),
            writes=WriteOptions(concurrency=2),
        )
        dependencies = ClientDependencies(
            clock=timeline,
            sleep=timeline.sleep,
            random=lambda: 0.0,
            new_id=lambda: f"id-{next(numbers)}",
        )
        known = {name: overrides.pop(name) for name in list(overrides) if name in SURROUNDINGS}
        client = build_client(replace(options, **overrides), replace(dependencies, **known))
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


SURROUNDINGS = {"clock", "sleep", "random", "new_id", "metrics", "show_message", "is_stopping"}


@pytest.fixture
def client(build: Build, wire: responses.RequestsMock) -> DataverseClient:
    """A client that knows the tables."""
    add_tables(wire)
    return build()


def definition_url(table: str, tail: str = "") -> str:
    return f"{API}/EntityDefinitions(LogicalName='{table}'){tail}"


def add_tables(wire: responses.RequestsMock, **flags: bool) -> None:
    """Serve the light definitions and the lookups that binds need."""
    for name, facts in TABLES.items():
        wire.get(
            definition_url(name),
            json={
                "LogicalName": name,
                "EntitySetName": facts["set"],
                "PrimaryIdAttribute": facts["id"],
                "PrimaryNameAttribute": facts["name"],
                "ChangeTrackingEnabled": flags.get("change_tracking", True),
                "IsOptimisticConcurrencyEnabled": flags.get("optimistic_concurrency", True),
            },
        )
    wire.get(definition_url("lead", "/ManyToOneRelationships"), json={"value": LEAD_LOOKUPS})


def lookup(column: str, table: str, navigation: str) -> dict[str, str]:
    return {
        "SchemaName": f"lead_{navigation}",
        "ReferencingAttribute": column,
        "ReferencingEntity": "lead",
        "ReferencedEntity": table,
        "ReferencingEntityNavigationPropertyName": navigation,
    }


LEAD_LOOKUPS = [
    lookup("ownerid", "owner", "ownerid"),
    lookup("customerid", "account", "customerid_account"),
    lookup("customerid", "contact", "customerid_contact"),
    lookup("msdyn_predictivescoreid", "msdyn_predictivescore", "msdyn_PredictiveScoreId"),
    lookup("lrobin_sequenceid", "msdyn_sequence", "lrobin_SequenceId"),
]


def error_body(code: str, message: str = "It did not work.") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
