"""A mirror kept over a wire on which every kind of failure happens to one request in ten.

`LEADROBIN_TEST_FAULT_SEEDS=50` runs the long profile.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from connector.dataverse.client import DataverseClient
from connector.dataverse.reads.feed import FollowBy
from connector.dataverse.wire.retrying import RetryPolicy
from connector.dataverse.wire.transport import Request
from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.emulator.protection.faults import KINDS
from connector.emulator.seed.organization import SeedSize
from connector.emulator.server import EmulatorOptions, EmulatorServer
from connector.errors import ResyncRequired
from connector.ports import (
    RowWrite,
    TableQuery,
    WriteOutcome,
    WriteResult,
)
from engine.records import Row
from tests.support.installed import connect, left_as_found

SEEDS = int(os.environ.get("LEADROBIN_TEST_FAULT_SEEDS", "5"))
SIZE = SeedSize(sellers=6, leads=40, opportunities=4, insights=2)
LEADS = TableQuery(table="lead", columns=("subject", "modifiedon", "statecode"), page_size=10)
FAULTS: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 502, "body": "<html><title>Bad gateway</title></html>"},
    {"status": 504, "body": ""},
    {"status": 429, "code": "0x80072322", "headers": {"Retry-After": "7"}},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "truncate"},
    {"kind": "deadlock"},
    {"kind": "latency", "seconds": 0.002},
    {"kind": "late_commit", "seconds": 0.01},
    {"kind": "expired_token"},
    {"kind": "expired_delta_token"},
    {"kind": "metadata_change", "table": "lead"},
]
RARE = {"expired_token", "expired_delta_token", "metadata_change"}
"""These happen once at most between two reads: each makes a whole read begin again."""


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorServer]:
    with EmulatorServer(EmulatorOptions(size=SIZE)) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: EmulatorServer) -> Iterator[None]:
    """Every seed finds the table as it was made."""
    with left_as_found(server):
        yield


def test_every_kind_of_failure_takes_part() -> None:
    assert {str(fault.get("kind", "status")) for fault in FAULTS} == set(KINDS)


@dataclass
class Mirror:
    """A copy of the table, kept as a caller of the feed has to keep it."""

    client: DataverseClient
    rows: dict[str, Row] = field(default_factory=dict)
    link: str | None = None
    resyncs: int = 0

    def read(self) -> None:
        """Follow the feed to its end; start over when the link is not honoured."""
        while True:
            try:
                return self._follow()
            except ResyncRequired:
                self.resyncs += 1
                self.link = None

    def _follow(self) -> None:
        seen: set[str] | None = set() if self.link is None else None
        link = self.link
        while True:
            page = (
                self.client.fetch_page(LEADS, link) if link else self.client.fetch_first_page(LEADS)
            )
            here = {str(row["leadid"]): row for row in page.rows}
            self.rows |= here
            for row_id in page.deleted:
                self.rows.pop(row_id, None)
            if seen is not None:
                seen |= here.keys()
            link = page.next_link
            if link is None:
                break
        self.link = page.delta_link
        if seen is not None:
            self.rows = {row_id: row for row_id, row in self.rows.items() if row_id in seen}

    def compare(self) -> None:
        """Find deletions by versions."""
        found: dict[str, str] = {}
        link: str | None = None
        while True:
            page = self.client.fetch_versions(LEADS, link)
            found |= page.versions
            link = page.next_link
            if link is None:
                break
        self.rows = {row_id: row for row_id, row in self.rows.items() if row_id in found}


def open_client(server: EmulatorServer, seed: int) -> DataverseClient:
    """By turns of both ways of following and of writing."""
    return connect(
        server,
        seed=seed,
        retry=RetryPolicy(max_attempts=60, bounded_attempts=60, budget=timedelta(days=2)),
        writes=WriteOptions(
            way=(WriteWay.PARALLEL, WriteWay.BATCH)[seed % 2], concurrency=2, batch_size=4
        ),
        follow_by=FollowBy.MODIFIED_ON if seed % 3 == 2 else FollowBy.AUTO,
    )


def disturb(server: EmulatorServer) -> None:
    """One request in ten meets each kind of failure."""
    server.faults.add(
        [
            {**fault, "count": 1 if fault.get("kind") in RARE else None, "probability": 0.1}
            for fault in FAULTS
        ]
    )


def delete(client: DataverseClient, row_id: str) -> None:
    """Another client deletes a row."""
    channel = client._parts.channel
    channel.call(Request(method="DELETE", url=f"{channel.api}leads({row_id})", operation="delete"))


def write_some(client: DataverseClient, rows: list[Row], mark: str) -> list[WriteResult]:
    writes = [
        RowWrite(
            table="lead",
            id=str(row["leadid"]),
            etag=str(row["@odata.etag"]),
            columns={"subject": f"{mark} {row['leadid']}"},
        )
        for row in rows
    ]
    return list(client.write_rows(writes))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_mirror_ends_identical_to_the_table(server: EmulatorServer, seed: int) -> None:
    dice = random.Random(seed)
    with open_client(server, seed) as client:
        mirror = Mirror(client)
        disturb(server)
        mirror.read()
        for turn in range(2):
            rows = [row for row in mirror.rows.values() if row["statecode"] == 0]
            results = write_some(client, dice.sample(rows, 9), f"turn {turn}")
            assert len({result.id for result in results}) == 9
            server.faults.clear()
            deleted = dice.choice(sorted(mirror.rows))
            delete(client, deleted)
            disturb(server)
            mirror.read()
            for result in results:
                if result.id != deleted and result.outcome is WriteOutcome.APPLIED:
                    subject = mirror.rows[result.id]["subject"]
                    assert subject == f"turn {turn} {result.id}"
        mirror.compare()
        server.faults.clear()
        truth = Mirror(client)
        truth.read()
        disturbed = sum(not entry.status or entry.status >= 400 for entry in server.log.entries)
    assert mirror.rows == truth.rows
    assert disturbed >= 5
