"""Evaluation of segments beside other engines, in one process on one core.

Everybody gets the same rows, as the service sends them, and the same question: the first segment whose
conditions hold, text compared without case, null answered definitely, relative dates resolved once
beforehand. Every answer is compared with ours.

- rule-engine: a rule a segment in its own language, tried one after the other with `Rule.matches`.
- datalogic-py and zen-engine: all segments as one expression, compiled once: their fastest use.
- tree walk: our own plain way, dictionaries of operators walked for every row.

None of them compares text without case by a cheap operator, none reads a related row that is null, and
zen-engine and datalogic-py do not order dates as text. So each row is made ready for them: related columns
flattened, texts folded once, for those two also dates as seconds. That is part of their work, as reading,
folding and verifying the same columns is part of ours. The multiple without that part is printed too.
Run alone: `python -m tests.benchmarks.evaluation`.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import datalogic_py
import rule_engine
import zen

from engine.conditions.compiled.compiler import CompileOptions, FirstMatch, compile_first_match
from engine.conditions.language.parsing import parse_condition
from tests.benchmarks.workload import (
    NOW,
    RELATED,
    TEXT_COLUMNS,
    Plain,
    Row,
    draw_rows,
    draw_segments,
    table,
    wire,
)

_DATES = ("createdon", "modifiedon", "estimatedclosedate")
_SYMBOLS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
Evaluate = Callable[[Any], int]


Prepare = Callable[[Row], Row]
ROUNDS = 7


@dataclass(frozen=True)
class Result:
    """One engine's rate, and ours as a multiple of it beside the multiple that is asked for.

    `alone` is the multiple when the engine's rows were made ready beforehand.
    """

    name: str
    rows_per_second: float
    ratio: float | None = None
    target: float | None = None
    alone: float | None = None


@dataclass(frozen=True)
class Rival:
    """Another engine: what it needs done to a row, and on how many rows it is measured."""

    name: str
    evaluate: Evaluate
    prepare: Prepare
    sample: int
    target: float


def run() -> list[Result]:
    """Measure everything and print each ratio beside its target."""
    return [*compare_engines(), *compare_tables()]


def compare_engines(count: int = 50) -> list[Result]:
    """50 segments of 3 to 10 conditions over 26 columns: ours beside the others."""
    rows = draw_rows(4_000)
    segments = draw_segments(count, rows[:2_000])
    ours = build_ours(segments, rows)
    folded = [_fold(segment) for segment in segments]
    rivals = [
        Rival("rule-engine", build_rule_engine(folded), _flatten, 400, 250),
        Rival("tree walk", build_tree_walk(folded), _flatten, 2_000, 8),
        Rival("datalogic-py, one fused expression", build_datalogic(folded), _number, 4_000, 3),
        Rival("zen-engine, one fused expression", build_zen(folded), _number, 3_000, 6),
    ]
    expected = ours.first_matches(rows, NOW)
    matched = sum(answer >= 0 for answer in expected) / len(rows)
    print(
        f"evaluation: {count} segments, {_count(segments)} conditions, 26 columns,"
        f" {matched:.1%} of rows match; rows a second"
    )
    results = [_report(Result("Leadrobin, compiled", measure_ours(ours, rows)))]
    results += [_report(_compare(rival, ours, rows, expected)) for rival in rivals]
    single = measure(lambda row: ours.first_match(row, NOW), rows)
    print(f"  one row by itself: {1e6 / single:.2f} µs (target: at most 10)")
    return results


def _compare(
    rival: Rival, ours: FirstMatch, rows: Sequence[Row], expected: Sequence[int]
) -> Result:
    """By turns, so that a busy machine slows all alike; the medians of the rounds' ratios."""
    wire_rows = rows[: rival.sample]
    ready = [rival.prepare(row) for row in wire_rows]
    answers = [rival.evaluate(row) for row in ready]
    assert answers == expected[: rival.sample], f"{rival.name} answers differently"
    evaluate, prepare = rival.evaluate, rival.prepare
    rounds: list[tuple[float, float, float]] = []
    for _ in range(ROUNDS):
        mine = _pass_ours(ours, rows)
        theirs = _pass(lambda row: evaluate(prepare(row)), wire_rows)
        alone = _pass(evaluate, ready)
        mine = (mine + _pass_ours(ours, rows)) / 2
        rounds.append((theirs, mine / theirs, mine / alone))
    rate, ratio, alone = (statistics.median(values) for values in zip(*rounds, strict=True))
    return Result(rival.name, rate, ratio, rival.target, alone)


def compare_tables(count: int = 1_000) -> list[Result]:
    """1,000 segments: the discrimination tables beside the fused function alone."""
    rows = draw_rows(5_000)
    segments = draw_segments(count, rows[:4_000], seed=23)
    fused = build_ours(segments, rows, tables_from=count + 1)
    tables = build_ours(segments, rows)
    assert fused.first_matches(rows, NOW) == tables.first_matches(rows, NOW)
    print(f"evaluation: {count:,} segments, {_count(segments):,} conditions; rows a second")
    rounds = [(_pass_ours(tables, rows), _pass_ours(fused, rows)) for _ in range(ROUNDS)]
    narrowed, alone = (statistics.median(values) for values in zip(*rounds, strict=True))
    ratio = statistics.median(one / other for one, other in rounds)
    return [
        _report(Result("Leadrobin, discrimination tables", narrowed)),
        _report(Result("Leadrobin, fused function alone", alone, ratio, 1.4)),
    ]


def measure(evaluate: Evaluate, data: Sequence[object]) -> float:
    """Rows a second: the median of five passes, by the process's own clock."""
    return statistics.median(_pass(evaluate, data) for _ in range(5))


def measure_ours(ours: FirstMatch, rows: Sequence[Row]) -> float:
    """The same for our function, which takes many rows at once."""
    return statistics.median(_pass_ours(ours, rows) for _ in range(5))


def _pass(evaluate: Evaluate, data: Sequence[object]) -> float:
    start = process_time()
    for row in data:
        evaluate(row)
    return len(data) / (process_time() - start)


def _pass_ours(ours: FirstMatch, rows: Sequence[Row]) -> float:
    start = process_time()
    ours.first_matches(rows, NOW)
    return len(rows) / (process_time() - start)


def _report(result: Result) -> Result:
    ratio = "" if result.ratio is None else f"  ours is {result.ratio:6.1f} x"
    verdict = "ok" if (result.ratio or 0) >= (result.target or 0) else "BELOW"
    target = "" if result.target is None else f"  (target {result.target:g} x) {verdict}"
    alone = "" if result.alone is None else f"; {result.alone:.1f} x on rows made ready beforehand"
    print(f"  {result.name:<36} {result.rows_per_second:>10,.0f}{ratio}{target}{alone}")
    return result


def _count(segments: Sequence[Plain]) -> int:
    return sum(1 for segment in segments for _ in _leaves(segment))


def _leaves(plain: Plain) -> list[Plain]:
    children = plain.get("all", plain.get("any"))
    if not isinstance(children, list):
        return [plain]
    return [leaf for child in children for leaf in _leaves(child)]


def build_ours(segments: Sequence[Plain], rows: Sequence[Row], tables_from: int = 0) -> FirstMatch:
    """The compiled function; the rows that teach it the order are not all of those it is measured on."""
    options = CompileOptions(table="lead", schema=table(), samples=rows[:300])
    if tables_from:
        options = CompileOptions(
            table="lead", schema=table(), samples=rows[:300], tables_from=tables_from
        )
    return compile_first_match([parse_condition(segment) for segment in segments], options)


_FOLDED = (*TEXT_COLUMNS, "campaignid__name")
_RELATED = tuple((path.replace(".", "__"), *path.split(".")) for path in RELATED)


def _flatten(row: Row) -> Row:
    """Related columns beside the row's own, texts folded."""
    flat = dict(row)
    for name, navigation, column in _RELATED:
        related = row[navigation]
        flat[name] = related[column] if isinstance(related, dict) else None
    for name in _FOLDED:
        text = flat[name]
        if isinstance(text, str):
            flat[name] = text.casefold()
    return flat


def _number(row: Row) -> Row:
    """The same with dates as seconds."""
    flat = _flatten(row)
    for name in _DATES:
        flat[name] = _seconds(flat[name])
    return flat


def _fold(plain: Plain) -> Plain:
    """A condition with its texts folded."""
    return {name: _fold_value(value) for name, value in plain.items()}


def _fold_value(value: object) -> object:
    if isinstance(value, list):
        return [_fold_value(item) for item in value]
    if isinstance(value, dict):
        return _fold(value)
    return value.casefold() if isinstance(value, str) else value


def _seconds(text: object) -> int | None:
    return int(datetime.fromisoformat(text).timestamp()) if isinstance(text, str) else None


def _bounds(plain: Plain) -> tuple[str, str] | None:
    """What a date operator means at NOW, in UTC: from the first to before the second."""
    value = plain.get("value")
    today = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)
    match plain["operator"], value:
        case "last-x-days", int(days):
            return wire(today - timedelta(days=days)), wire(NOW + timedelta(seconds=1))
        case "next-x-days", int(days):
            return wire(NOW), wire(today + timedelta(days=days + 1))
        case "on-or-after", str(day):
            return f"{day}T00:00:00Z", "9999-12-31T23:59:59Z"
        case _:
            return None


def _name(plain: Plain) -> str:
    return str(plain["column"]).replace(".", "__")


# rule-engine: one rule a segment, the documented use.


def build_rule_engine(segments: Sequence[Plain]) -> Evaluate:
    """The first of the rules that matches."""
    context = rule_engine.Context(default_value=None)
    rules = [rule_engine.Rule(_as_rule(segment), context=context) for segment in segments]

    def evaluate(row: Row) -> int:
        for position, rule in enumerate(rules):
            if rule.matches(row):
                return position
        return -1

    return evaluate


def _as_rule(plain: Plain) -> str:
    return _as_text(plain, _rule_leaf)


def _as_text(plain: Plain, leaf: Callable[[Plain], str]) -> str:
    for word, joint in (("all", " and "), ("any", " or ")):
        children = plain.get(word)
        if isinstance(children, list):
            return "(" + joint.join(_as_text(child, leaf) for child in children) + ")"
    return "(" + leaf(plain) + ")"


def _rule_leaf(plain: Plain) -> str:
    name, value, operator = _name(plain), plain.get("value"), str(plain["operator"])
    bounds = _bounds(plain)
    if bounds is not None:
        return f'{name} != null and {name} >= "{bounds[0]}" and {name} < "{bounds[1]}"'
    inside = f'{name} != null and "{str(value).strip("%")}" in {name}'
    written = {
        "null": f"{name} == null",
        "not-null": f"{name} != null",
        "eq": f"{name} == {_quote(value)}",
        "ne": f"{name} != {_quote(value)}",
        "in": f"{name} in {_quote(value)}",
        "not-in": f"not ({name} in {_quote(value)})",
        "like": inside,
        "not-like": f"not ({inside})",
        "begins-with": f"{name} != null and {name}.starts_with({_quote(value)})",
        "ends-with": f"{name} != null and {name}.ends_with({_quote(value)})",
    }
    return written.get(operator) or _order_text(name, operator, value)


def _order_text(name: str, operator: str, value: object) -> str:
    if operator == "between" and isinstance(value, list):
        return f"{name} != null and {name} >= {value[0]} and {name} <= {value[1]}"
    return f"{name} != null and {name} {_SYMBOLS[operator]} {value}"


def _quote(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_quote(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


# zen-engine: all segments in one expression; text has no order in it, so dates are numbers.


def build_zen(segments: Sequence[Plain]) -> Evaluate:
    """One chain of conditional expressions."""
    text = "-1"
    for position in reversed(range(len(segments))):
        text = f"({_as_text(segments[position], _zen_leaf)} ? {position} : {text})"
    expression = zen.compile_expression(text)
    return lambda row: int(expression.evaluate(row))


def _zen_leaf(plain: Plain) -> str:
    name, value, operator = _name(plain), plain.get("value"), str(plain["operator"])
    bounds = _bounds(plain)
    if bounds is not None:
        low, high = _seconds(bounds[0]), _seconds(bounds[1])
        return f"{name} != null and {name} >= {low} and {name} < {high}"
    inside = f'{name} != null and contains({name}, "{str(value).strip("%")}")'
    written = {
        "like": inside,
        "not-like": f"not ({inside})",
        "begins-with": f"{name} != null and startsWith({name}, {_quote(value)})",
        "ends-with": f"{name} != null and endsWith({name}, {_quote(value)})",
    }
    return written.get(operator) or _rule_leaf(plain)


# datalogic-py: JSONLogic, all segments in one if chain.


def build_datalogic(segments: Sequence[Plain]) -> Evaluate:
    """One compiled rule."""
    chain: list[object] = []
    for position, segment in enumerate(segments):
        chain += [_as_logic(segment), position]
    rule = datalogic_py.Engine().compile({"if": [*chain, -1]})
    return lambda row: int(rule.evaluate(row))


def _as_logic(plain: Plain) -> object:
    for word, joint in (("all", "and"), ("any", "or")):
        children = plain.get(word)
        if isinstance(children, list):
            return {joint: [_as_logic(child) for child in children]}
    return _logic_leaf(plain)


def _logic_leaf(plain: Plain) -> object:
    var, value, operator = {"var": _name(plain)}, plain.get("value"), str(plain["operator"])
    bounds = _bounds(plain)
    given = {"!==": [var, None]}
    if bounds is not None:
        low, high = _seconds(bounds[0]), _seconds(bounds[1])
        return {"and": [given, {">=": [var, low]}, {"<": [var, high]}]}
    inside = {"and": [given, {"in": [str(value).strip("%"), var]}]}
    written: dict[str, object] = {
        "null": {"===": [var, None]},
        "not-null": given,
        "eq": {"===": [var, value]},
        "ne": {"!==": [var, value]},
        "in": {"in": [var, value]},
        "not-in": {"!": [{"in": [var, value]}]},
        "like": inside,
        "not-like": {"!": [inside]},
        "begins-with": {"and": [given, {"starts_with": [var, value]}]},
        "ends-with": {"and": [given, {"ends_with": [var, value]}]},
    }
    if operator == "between" and isinstance(value, list):
        return {"and": [given, {">=": [var, value[0]]}, {"<=": [var, value[1]]}]}
    return written.get(operator) or {"and": [given, {_SYMBOLS.get(operator, ""): [var, value]}]}


# The plain way: dictionaries of operators walked for every row.


def build_tree_walk(segments: Sequence[Plain]) -> Evaluate:
    """A walk over the trees with everything that can be prepared prepared."""
    trees = [_prepare(segment) for segment in segments]

    def evaluate(row: Row) -> int:
        for position, tree in enumerate(trees):
            if _walk(tree, row):
                return position
        return -1

    return evaluate


def _prepare(plain: Plain) -> tuple[Any, ...]:
    for word in ("all", "any"):
        children = plain.get(word)
        if isinstance(children, list):
            return (word, [_prepare(child) for child in children])
    value, operator = plain.get("value"), str(plain["operator"])
    bounds = _bounds(plain)
    if bounds is not None:
        return ("within", _name(plain), bounds)
    if operator in {"like", "not-like"}:
        value = str(value).strip("%")
    return (
        operator,
        _name(plain),
        set(value) if "in" in operator.split("-") and isinstance(value, list) else value,
    )


_WALKED: dict[str, Callable[[Any, Any], bool]] = {
    "within": lambda cell, value: cell is not None and value[0] <= cell < value[1],
    "null": lambda cell, _value: cell is None,
    "not-null": lambda cell, _value: cell is not None,
    "eq": lambda cell, value: cell == value,
    "ne": lambda cell, value: cell != value,
    "in": lambda cell, value: cell in value,
    "not-in": lambda cell, value: cell not in value,
    "like": lambda cell, value: cell is not None and value in cell,
    "not-like": lambda cell, value: cell is None or value not in cell,
    "begins-with": lambda cell, value: cell is not None and cell.startswith(value),
    "ends-with": lambda cell, value: cell is not None and cell.endswith(value),
    "gt": lambda cell, value: cell is not None and cell > value,
    "ge": lambda cell, value: cell is not None and cell >= value,
    "lt": lambda cell, value: cell is not None and cell < value,
    "le": lambda cell, value: cell is not None and cell <= value,
    "between": lambda cell, value: cell is not None and value[0] <= cell <= value[1],
}


def _walk(tree: tuple[Any, ...], row: Row) -> bool:
    if tree[0] == "all":
        return all(_walk(child, row) for child in tree[1])
    if tree[0] == "any":
        return any(_walk(child, row) for child in tree[1])
    return _WALKED[tree[0]](row.get(tree[1]), tree[2])


if __name__ == "__main__":
    run()
