"""A cycle over a large ledger beside the same cycle over a small one: `python -m tests.benchmarks.ledger`."""

import sys
import tempfile
from pathlib import Path
from time import process_time

from connector.state.fingerprints import build_fingerprint
from connector.state.records import LedgerRow, ReadMode, Watermark
from engine.records import EntityReference
from tests.support.worlds import World, lead_id, seller_id

SMALL, LARGE, CHANGES = 10_000, 1_000_000, 1_000
TARGET = 2.0
CHUNK = 20_000
ROUNDS = 3


def run() -> None:
    """Print the ratio beside its target."""
    small, large = (min(_measure(rows)) for rows in (SMALL, LARGE))
    ratio = large / small
    verdict = "ok" if ratio <= TARGET else "MISSED"
    sys.stdout.write(
        f"a cycle with {CHANGES:,} changes over {LARGE:,} ledger rows: {large:.2f} s, over "
        f"{SMALL:,}: {small:.2f} s; ratio {ratio:.2f}, target ≤ {TARGET:.1f}: {verdict}\n"
    )


def _measure(rows: int) -> list[float]:
    """Processor seconds of each of a few cycles, every one with as many changed rows."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder=Path(folder))
        _fill(world, rows)
        seconds: list[float] = []
        for number in range(ROUNDS):
            step = rows // CHANGES
            for changed in range(CHANGES):
                lead = changed * step + number
                owner = {"_ownerid_value": seller_id(lead % 3)}
                world.put_lead(lead, address1_country="UK", **owner)
            began = process_time()
            record = world.cycle()
            seconds.append(process_time() - began)
            assert record.counts["updated"] == CHANGES, record.counts
        world.store.close()
    return seconds


def _fill(world: World, rows: int) -> None:
    """A ledger as the first contact would leave it, written without the environment."""
    table = world.table()
    created = world.clock.now()
    fingerprint = build_fingerprint({"address1_country": "France"}, table.watched)
    for start in range(0, rows, CHUNK):
        with world.store.begin() as session:
            session.save_rows(
                [
                    LedgerRow(
                        table="lead",
                        id=lead_id(number),
                        etag=f'W/"{number + 1}"',
                        owner=EntityReference(table="systemuser", id=seller_id(number % 3)),
                        is_open=True,
                        watched_set=table.watched_set,
                        fingerprint=fingerprint,
                        created_on=created,
                        generation=1,
                    )
                    for number in range(start, min(start + CHUNK, rows))
                ]
            )
    world.dataverse.version = rows
    with world.store.begin() as session:
        session.save_watched_set(table.watched_set, table.watched)
        session.save_watermark(
            Watermark(
                table="lead",
                mode=ReadMode.CHANGES,
                link=f"delta:{rows}:0:0",
                watched_set=table.watched_set,
                columns_hash=table.columns_hash,
                baseline_done_at=created,
            )
        )


if __name__ == "__main__":
    run()
