"""One page of one row, decided as the service does it, beside building everything afresh for it.

The page is decided in a transaction of a store whose clocks everybody has; reading them is part of both
ways. Afresh means that the rule set is compiled and assembled for the page, as it once was.

Run alone: `python -m tests.benchmarks.pages`.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import process_time

from connector.cycle.context import Cycle, CycleOptions, RowToDecide
from connector.cycle.cycle_records import build_cycle
from connector.cycle.rows.decisions import decide_rows
from connector.environment.reading import People, RulesOverPeople
from connector.state.records import PlanOrigin
from engine.rules.rule_set import RuleSet
from engine.sellers import Directory, SellerClock
from tests.benchmarks.decision import build_directory, build_rules, read_records
from tests.benchmarks.workload import NOW, draw_rows, draw_segments, table
from tests.support.worlds import World

SEGMENTS, PAGES = 50, 7
SIZES = ((20, 20), (1_000, 5))
"""Sellers, and how many times faster than afresh a page has to be."""


def run() -> None:
    """Print the time of a page in both ways, and how many times the one is the other."""
    drawn = [row | {"statecode": 0} for row in draw_rows(2_000)]
    rule_set = build_rules(draw_segments(SEGMENTS, drawn), dynamic_every=5)
    rows = [
        RowToDecide(record=record, before=None, is_fresh=True, is_reassignment=False)
        for record in read_records(drawn[:PAGES])
    ]
    sys.stdout.write(f"a page of one row: {SEGMENTS} segments, {len(rule_set.rules)} rules\n")
    for sellers, target in SIZES:
        everybody = build_directory()
        people = People(
            directory=replace(everybody, sellers=everybody.sellers[:sellers]), hierarchies={}
        )
        with tempfile.TemporaryDirectory() as folder:
            kept, afresh = measure(World(Path(folder)), rule_set, people, rows)
        verdict = "ok" if afresh / kept >= target else "TOO SLOW"
        sys.stdout.write(
            f"  {sellers:>6,} sellers {1000 * kept:>9.1f} ms   afresh {1000 * afresh:>8.1f} ms"
            f"  {afresh / kept:>7.1f} x (target {target} x) {verdict}\n"
        )


def measure(
    world: World, rule_set: RuleSet, people: People, rows: list[RowToDecide]
) -> tuple[float, float]:
    """Seconds of processor time a page takes with kept rules, and with rules made for it."""
    save_clocks(world, people.directory)
    seams = replace(world.seams(), rule_set=rule_set, options=CycleOptions(keeps_traces=False))
    cycle = build_cycle(seams, world.table(), PlanOrigin.CYCLE)
    kept = RulesOverPeople(rule_set, table(), lambda: people)
    kept()
    times = [
        [decide_page(world, cycle, row, make) for row in rows]
        for make in (lambda: kept, lambda: RulesOverPeople(rule_set, table(), lambda: people))
    ]
    world.store.close()
    return median(times[0]), median(times[1])


def save_clocks(world: World, directory: Directory) -> None:
    """Everybody was given something once."""
    with world.store.begin() as session:
        session.save_clocks(
            [
                SellerClock(seller_id=seller.id, last_assigned_at=NOW, order=order)
                for order, seller in enumerate(directory.sellers, 1)
            ]
        )


def decide_page(
    world: World, cycle: Cycle, row: RowToDecide, make: Callable[[], RulesOverPeople]
) -> float:
    """The time that one page takes."""
    with world.store.begin() as session:
        started = process_time()
        cycle.assembled_rules = make()()
        decide_rows(cycle, session, [row])
        return process_time() - started


if __name__ == "__main__":
    run()
