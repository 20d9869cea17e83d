"""Narrows conditions down by tables before what is left is tested; the tables are in `tables`."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from engine.conditions.compiled.codegen import GIVE_UP, FunctionWriter
from engine.conditions.compiled.selectivity import Chances
from engine.conditions.compiled.source import Reads
from engine.conditions.compiled.tables import ColumnTable, Key, build_tables, exact_key
from engine.conditions.language.context import Context
from engine.conditions.language.model import All, Condition
from engine.records import Row

_LOCAL = re.compile(r"\b[rslde]\d+\b")
"""The variables of `Reads`; no other name in generated text has this form."""

_TEST_COST = 2.5
"""What finding and testing one more condition costs, in units of one look-up."""

_USEFUL_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class RelativeTable:
    """A table whose break points move with the time: a slot of the generated factory."""

    table: ColumnTable


def write_narrowed(
    writer: FunctionWriter,
    conditions: Sequence[Condition | None],
    choose: Callable[[list[ColumnTable]], list[ColumnTable]],
    *,
    is_strict: bool = False,
) -> str:
    """A function that returns the position of the first condition that holds, or -1; its name."""
    always = conditions.index(None) if None in conditions else len(conditions)
    tested = cast("list[Condition]", list(conditions[:always]))
    last = always if always < len(conditions) else -1
    reads = Reads(writer.namespace, is_strict)
    tables = choose(build_tables(tested, writer.context))
    body = [f"m = {writer.namespace.bind((1 << len(tested)) - 1)}"]
    for table in tables:
        expression = mask_expression(table, reads, writer)
        body += [*reads.take_lines(), f"m &= {expression}"]
    settled = {table.key for table in tables}
    residues = [All(_residue(each, settled, writer.context)) for each in tested]
    expressions = [writer.expression(each, reads, writer.context).guarded for each in residues]
    values = _write_tests(writer, expressions)
    bits = writer.namespace.bind([0, *(1 << place for place in range(len(tested)))])
    body += [
        f"if not m: return {last}",
        *reads.take_lines(),
        f"v = ({''.join(name + ', ' for name in values)})",
        "while m:",
        "    b = m.bit_length()",
        f"    if tests[b](v, row, record, attributes): return {len(tested)} - b",
        f"    m ^= {bits}[b]",
        f"return {last}",
    ]
    return writer.add_function("match", [*reads.direct_lines(), *body])


def _residue(condition: Condition, settled: set[Key], context: Context) -> tuple[Condition, ...]:
    """The parts, all of which have to hold, that the tables do not settle."""
    if isinstance(condition, All):
        parts = [_residue(child, settled, context) for child in condition.children]
        return tuple(part for found in parts for part in found)
    return () if exact_key(condition, context) in settled else (condition,)


def _write_tests(writer: FunctionWriter, expressions: Sequence[str]) -> list[str]:
    """One function a condition, over the values that all of them share; the names of the values.

    They stand by the bit lengths of masks: the last condition is the lowest bit.
    """
    names = sorted({name for each in expressions for name in _LOCAL.findall(each)})
    places = {name: f"v[{place}]" for place, name in enumerate(names)}
    tests: list[str] = ["None,"]
    for expression in reversed(expressions):
        text = _LOCAL.sub(lambda found: places[found[0]], expression)
        tests.append(f"lambda v, row, record, attributes: {text},")
    writer.functions.append("\n".join(["tests = (", *tests, ")"]))
    return names


def mask_expression(table: ColumnTable, reads: Reads, writer: FunctionWriter) -> str:
    """The mask of conditions that the row's value in the table's column leaves possible."""
    key, bind = table.key, writer.namespace.bind
    null = bind(table.null)
    match key.kind:
        case "value":
            masks, other = table.by_value()
            read = reads.folded if key.is_text else reads.raw
            return f"{bind(masks.get)}({read(key.path, key.family)}, {bind(other)})"
        case "number":
            points, numbered = table.by_number()
            local = reads.raw(key.path, key.family)
            place = f"{bind(bisect_right)}({bind(points)}, {local})"
            return f"({null} if {local} is None else {bind(numbered)}[{place}])"
        case "moment":
            moments, placed = table.by_moment(writer.context.now)
            return _moment(table, reads, writer, (bind(moments), bind(placed)))
        case _:
            stem = writer.spans.slot(RelativeTable(table))
            return _moment(table, reads, writer, (f"{stem}low", f"{stem}high"))


def _moment(
    table: ColumnTable, reads: Reads, writer: FunctionWriter, names: tuple[str, str]
) -> str:
    """Null leaves its own mask; a date that is not in the wire's form leaves all possible."""
    key, bind = table.key, writer.namespace.bind
    local = reads.moment(key.path, key.family, is_day_only=key.is_day)
    points, masks = names
    raw = reads.raw(key.path, key.family)
    other = f"{bind(table.null)} if {raw} is None else {bind(table.everything)}"
    return f"({masks}[{bind(bisect_right)}({points}, {local})] if {local} else {other})"


def choose_by_share(tables: list[ColumnTable]) -> list[ColumnTable]:
    """Without samples: the tables that say something of enough conditions, the fullest first."""
    useful = [
        table
        for table in tables
        if len(table.constraints) >= _USEFUL_SHARE * table.everything.bit_length()
    ]
    return sorted(useful, key=lambda table: -len(table.constraints))


def choose_by_samples(
    tables: list[ColumnTable], masks: Sequence[Sequence[int]]
) -> list[ColumnTable]:
    """The tables worth their look-up, the most useful first.

    `masks` holds, for each sample, the mask that each table gives.
    """
    chosen: list[ColumnTable] = []
    left: list[int] = [tables[0].everything if tables else 0] * len(masks)
    open_positions = set(range(len(tables)))
    while open_positions and left:
        counts = {
            position: sum(
                (now & row[position]).bit_count() for now, row in zip(left, masks, strict=True)
            )
            for position in open_positions
        }
        best = min(counts, key=lambda position: (counts[position], position))
        gain = sum(now.bit_count() for now in left) - counts[best]
        if gain * _TEST_COST < len(masks):
            break
        open_positions.remove(best)
        chosen.append(tables[best])
        left = [now & row[best] for now, row in zip(left, masks, strict=True)]
    return chosen


def sample_masks(
    tables: list[ColumnTable], context: Context, samples: Sequence[Row], chances: Chances
) -> list[Sequence[int]]:
    """What each table makes of each sample; samples with unfit cells teach nothing."""
    writer = FunctionWriter(context, chances)
    reads = Reads(writer.namespace)
    expressions = [mask_expression(table, reads, writer) for table in tables]
    body = [*reads.take_lines(), f"return ({''.join(each + ', ' for each in expressions)})"]
    entry = writer.add_function("masks", body)
    bounds = [
        part
        for key in writer.spans.keys
        for part in resolve_table(cast("RelativeTable", key), context.now)
    ]
    probe = writer.build(entry)(*bounds)
    found: list[Sequence[int]] = []
    for row in samples:
        try:
            found.append(cast("Callable[[Row], Sequence[int]]", probe)(row))
        except GIVE_UP:
            continue
    return found


def resolve_table(slot: RelativeTable, now: datetime) -> tuple[object, object, None]:
    """Break points and masks of a table at `now`, in the order of a slot's parameters."""
    points, masks = slot.table.by_moment(now)
    return points, masks, None
