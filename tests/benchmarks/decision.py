"""The whole decision: segment, rule and seller of one record after another, without a trace.

Records are normalised beforehand, as the client does once for each page; what that costs is printed too.

Run alone: `python -m tests.benchmarks.decision`.
"""

import random
import sys
from collections.abc import Sequence
from time import process_time

from engine.assignment.decider import open_decider
from engine.normalise import normalise
from engine.records import Record
from engine.rules.rule_set import RuleSet, build_rule_set
from engine.sellers import Directory, Seller
from tests.benchmarks.workload import NOW, draw_rows, draw_segments, table

SELLERS, RECORDS, SEGMENTS, TARGET = 1_000, 5_000, 50, 100_000
TERRITORIES = 10
PASSES, ROUNDS = 4, 7
"""One page of the service, decided several times over by each Decider; the best of some Deciders."""


def run() -> None:
    """Print decided records a second beside the target, and what normalising adds."""
    rows = [row | {"statecode": 0} for row in draw_rows(RECORDS)]
    records = read_records(rows)
    say(f"whole decision: {SEGMENTS} segments, {SELLERS:,} sellers, {RECORDS:,} records, one core")
    for title, every in (("two static rules a segment", 0), ("one of five dynamic", 5)):
        rule_set = build_rules(draw_segments(SEGMENTS, rows[:2_000]), dynamic_every=every)
        rates = sorted(measure(rule_set, records) for _ in range(ROUNDS))
        say(
            f"  {title:<28} {rates[-1]:>9,.0f} records/s, median {rates[ROUNDS // 2]:,.0f}"
            f"  (target {TARGET:,})"
        )
    started = process_time()
    read_records(rows)
    say(f"  normalising alone            {RECORDS / (process_time() - started):>9,.0f} records/s")


def say(line: str) -> None:
    """One line of the report."""
    sys.stdout.write(f"{line}\n")


def read_records(rows: Sequence[dict[str, object]]) -> list[Record]:
    """The records of wire rows."""
    found = [normalise(row, table="lead") for row in rows]
    return [record for record in found if isinstance(record, Record)]


def measure(rule_set: RuleSet, records: Sequence[Record]) -> float:
    """Records a second of one run; the directory is new each time."""
    samples = {"lead": [record.row for record in records[:300]]}
    decider = open_decider(rule_set, build_directory(), schema=table(), samples=samples)
    decide = decider.decide
    started = process_time()
    for _ in range(PASSES):
        for record in records:
            decide(record, NOW)
    return PASSES * len(records) / (process_time() - started)


def build_directory() -> Directory:
    """Sellers over territories and cities, with capacity."""
    rng = random.Random(5)
    cities = sorted({str(row["address1_city"]) for row in draw_rows(500)})
    return Directory(
        sellers=tuple(
            Seller(
                id=f"{number:08x}-0000-4000-8000-000000000000",
                name=f"Seller {number}",
                row={
                    "address1_city": rng.choice(cities),
                    "territory": f"T{rng.randrange(TERRITORIES)}",
                },
                attributes={"Language": (rng.choice(("English", "German", "French")),)},
                max_capacity=10_000,
            )
            for number in range(SELLERS)
        )
    )


def build_rules(conditions: Sequence[dict[str, object]], *, dynamic_every: int) -> RuleSet:
    """One segment for each condition and a default one, each with two rules."""
    segments: list[dict[str, object]] = [
        {"name": f"S{number}", "table": "lead", "priority": number, "when": condition}
        for number, condition in enumerate(conditions, 1)
    ]
    segments.append({"name": "Rest", "table": "lead", "default": True})
    rules = [
        rule
        for number, segment in enumerate(segments)
        for rule in rules_of(str(segment["name"]), number, dynamic_every)
    ]
    return build_rule_set({"version": 1, "segments": segments, "rules": rules})


def rules_of(segment: str, number: int, dynamic_every: int) -> list[dict[str, object]]:
    """A rule for big accounts by load, and one for the rest in turn."""
    territory = {"column": "territory", "operator": "eq", "value": f"T{number % TERRITORIES}"}
    city = {"column": "address1_city", "operator": "eq", "value_of": "record.address1_city"}
    is_dynamic = bool(dynamic_every) and number % dynamic_every == 0
    base: dict[str, object] = {"table": "lead", "segment": segment}
    return [
        base
        | {
            "name": "Big",
            "when": {"column": "revenue", "operator": "ge", "value": 2_500_000},
            "assign_to": {"any_seller": True},
            "distribute_by": "load_balancing",
            "respect_capacity": True,
        },
        base
        | {
            "name": "Rest",
            "assign_to": {"sellers": {"matching": city if is_dynamic else territory}},
        },
    ]


if __name__ == "__main__":
    run()
