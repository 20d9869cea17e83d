"""Leads and segments for the benchmarks of evaluation: 26 columns, nulls, related columns, fixed seed."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from engine.conditions.compiled.compiler import CompileOptions, compile_predicate
from engine.conditions.language.model import Condition
from engine.conditions.language.parsing import parse_condition
from engine.schema import Column, ColumnType, Relationship, RelationshipKind, TableSchema

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
Row = dict[str, object]
Plain = dict[str, object]

_WORDS = [
    "alpha",
    "bravo",
    "delta",
    "echo",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "oscar",
    "papa",
    "romeo",
    "tango",
]
_CITIES = [f"{word.title()} {end}" for word in _WORDS for end in ("Bay", "Hill", "Town")]
_COUNTRIES = [f"{word.title()}land" for word in _WORDS]
_TEXTS: dict[str, tuple[list[str], float]] = {
    "address1_city": (_CITIES, 0.1),
    "address1_country": (_COUNTRIES, 0.05),
    "address1_stateorprovince": ([f"{word.title()} State" for word in _WORDS], 0.3),
    "address1_postalcode": ([str(10_000 + 37 * at) for at in range(400)], 0.2),
    "companyname": ([f"{a.title()} {b} Ltd" for a in _WORDS for b in _WORDS], 0.1),
    "jobtitle": ([f"{a} {b}" for a in ("Head", "Clerk", "Chief") for b in _WORDS], 0.4),
    "emailaddress1": ([f"{a}@{b}.example" for a in _WORDS for b in _WORDS], 0.2),
    "subject": ([f"Wants {a} and {b}" for a in _WORDS for b in _WORDS], 0.0),
    "websiteurl": ([f"https://{a}.example" for a in _WORDS], 0.5),
    "telephone1": ([f"+44 20 {number}" for number in range(7_000, 7_400)], 0.5),
}
_INTEGERS: dict[str, tuple[int, int, float]] = {
    "leadsourcecode": (1, 10, 0.1),
    "industrycode": (1, 33, 0.3),
    "leadqualitycode": (1, 3, 0.0),
    "statuscode": (1, 7, 0.0),
    "numberofemployees": (1, 5_000, 0.4),
}
_FLOATS: dict[str, tuple[float, float, float]] = {
    "revenue": (0.0, 5e6, 0.3),
    "budgetamount": (0.0, 1e5, 0.5),
    "estimatedamount": (0.0, 1e5, 0.2),
}
_DATES: dict[str, tuple[int, int, float]] = {
    "createdon": (-400, 0, 0.0),
    "modifiedon": (-100, 0, 0.0),
    "estimatedclosedate": (-30, 200, 0.3),
}
TEXT_COLUMNS = tuple(_TEXTS)
RELATED = ("parentaccountid.industrycode", "parentaccountid.revenue", "campaignid.name")


def draw_rows(count: int, seed: int = 7) -> list[Row]:
    """Wire rows; related rows are nested."""
    rng = random.Random(seed)
    rows = [_draw_row(rng, at) for at in range(count)]
    # Through JSON, so that names and texts are new objects as they are in a page from the service.
    return cast("list[Row]", json.loads(json.dumps(rows)))


def _draw_row(rng: random.Random, at: int) -> Row:
    row: Row = {"leadid": f"{at:08x}-0000-4000-8000-{rng.getrandbits(48):012x}"}
    for name, (choices, nulls) in _TEXTS.items():
        row[name] = None if rng.random() < nulls else rng.choice(choices)
    for name, (low, high, nulls) in _INTEGERS.items():
        row[name] = None if rng.random() < nulls else rng.randint(low, high)
    for name, (small, large, nulls) in _FLOATS.items():
        row[name] = None if rng.random() < nulls else round(rng.uniform(small, large), 2)
    for name, (low, high, nulls) in _DATES.items():
        days = rng.uniform(low, high)
        row[name] = None if rng.random() < nulls else wire(NOW + timedelta(days=days))
    row["donotemail"] = rng.random() < 0.2
    account = {"industrycode": rng.randint(1, 33), "revenue": round(rng.uniform(0, 1e7), 2)}
    row["parentaccountid"] = None if rng.random() < 0.4 else account
    row["campaignid"] = None if rng.random() < 0.5 else {"name": rng.choice(_CITIES)}
    return row


def wire(moment: datetime) -> str:
    """The way Dataverse writes an instant."""
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def table() -> dict[str, TableSchema]:
    """What a tenant's metadata says of these columns."""
    kinds = {
        **dict.fromkeys(_TEXTS, ColumnType.STRING),
        **dict.fromkeys(_INTEGERS, ColumnType.CHOICE),
        "numberofemployees": ColumnType.INTEGER,
        **dict.fromkeys(_FLOATS, ColumnType.MONEY),
        **dict.fromkeys(_DATES, ColumnType.DATETIME),
        "donotemail": ColumnType.BOOLEAN,
        "leadid": ColumnType.UNIQUEIDENTIFIER,
    }
    near = {name: Column(name=name, type=kind) for name, kind in kinds.items()}
    account = {
        "industrycode": Column(name="industrycode", type=ColumnType.CHOICE),
        "revenue": Column(name="revenue", type=ColumnType.MONEY),
    }
    campaign = {"name": Column(name="name", type=ColumnType.STRING)}
    links = {
        name: Relationship(
            navigation=name, kind=RelationshipKind.MANY_TO_ONE, table=far, column=name
        )
        for name, far in (("parentaccountid", "account"), ("campaignid", "campaign"))
    }
    return {
        "lead": _schema("lead", near, links),
        "account": _schema("account", account, {}),
        "campaign": _schema("campaign", campaign, {}),
    }


def _schema(name: str, columns: dict[str, Column], links: dict[str, Relationship]) -> TableSchema:
    return TableSchema(
        name=name,
        entity_set=name + "s",
        primary_id=name + "id",
        primary_name=None,
        columns=columns,
        relationships=links,
    )


def draw_segments(count: int, rows: Sequence[Row], seed: int = 11) -> list[Plain]:
    """Conditions of 3 to 10 comparisons, nested up to three deep.

    Each matches 0.2 to 4 % of rows when there are 50 of them, and the less the more there are, so that
    about half of the rows match none and are tested against all.
    """
    rng = random.Random(seed)
    low, high = 0.1 / count, 2.0 / count
    segments: list[Plain] = []
    while len(segments) < count:
        plain = _draw_group(rng, rng.randint(3, 10), 0)
        share = sum(map(_test(parse_condition(plain)), rows)) / len(rows)
        if low <= share <= high:
            segments.append(plain)
    return segments


def _test(condition: Condition) -> Callable[[Row], bool]:
    predicate = compile_predicate(condition, CompileOptions(table="lead", schema=table()))
    return lambda row: predicate(row, NOW)


def _draw_group(rng: random.Random, size: int, depth: int) -> Plain:
    word = "all" if depth % 2 == 0 else "any"
    children: list[Plain] = []
    while size:
        nested = rng.randint(2, 3)
        if depth < 2 and size > nested and rng.random() < 0.35:
            children.append(_draw_group(rng, nested, depth + 1))
            size -= nested
        else:
            children.append(_draw_leaf(rng))
            size -= 1
    return {word: children}


def _draw_leaf(rng: random.Random) -> Plain:
    draw = rng.random()
    if draw < 0.38:
        return _draw_text(rng)
    if draw < 0.58:
        return _draw_choice(rng)
    if draw < 0.78:
        return _draw_amount(rng)
    if draw < 0.92:
        return _draw_date(rng)
    name = rng.choice([*_TEXTS, *_INTEGERS, *_FLOATS])
    return {"column": name, "operator": rng.choice(["null", "not-null", "not-null"])}


def _draw_text(rng: random.Random) -> Plain:
    name = rng.choice([*_TEXTS, "campaignid.name"])
    choices = _CITIES if name == "campaignid.name" else _TEXTS[name][0]
    operator = rng.choice(
        ["eq", "in", "in", "ne", "not-in", "like", "not-like", "begins-with", "ends-with"]
    )
    if operator in {"in", "not-in"}:
        return {"column": name, "operator": operator, "value": rng.sample(choices, 5)}
    text = rng.choice(choices)
    value: object = text
    if operator in {"like", "not-like"}:
        value = f"%{text[2:5]}%"
    elif operator not in {"eq", "ne"}:
        value = text[:3] if operator == "begins-with" else text[-3:]
    return {"column": name, "operator": operator, "value": value}


def _draw_choice(rng: random.Random) -> Plain:
    name = rng.choice([*_INTEGERS, "parentaccountid.industrycode"])
    low, high, _ = _INTEGERS.get(name, (1, 33, 0.0))
    operator = rng.choice(["eq", "in", "in", "ne", "not-in"])
    if operator in {"eq", "ne"}:
        return {"column": name, "operator": operator, "value": rng.randint(low, high)}
    count = min(6, high - low)
    return {
        "column": name,
        "operator": operator,
        "value": sorted(rng.sample(range(low, high + 1), count)),
    }


def _draw_amount(rng: random.Random) -> Plain:
    name = rng.choice([*_FLOATS, "parentaccountid.revenue", "numberofemployees"])
    _, high, _ = _FLOATS.get(name, (0.0, 5e3 if name == "numberofemployees" else 1e7, 0.0))
    value = round(rng.uniform(0.2, 0.8) * high)
    if rng.random() < 0.3:
        return {"column": name, "operator": "between", "value": [value // 2, value]}
    return {"column": name, "operator": rng.choice(["gt", "ge", "lt", "le"]), "value": value}


def _draw_date(rng: random.Random) -> Plain:
    name = rng.choice(list(_DATES))
    if name == "estimatedclosedate" and rng.random() < 0.5:
        return {"column": name, "operator": "next-x-days", "value": rng.choice([7, 30, 90])}
    if rng.random() < 0.6:
        return {"column": name, "operator": "last-x-days", "value": rng.choice([7, 30, 90, 180])}
    day = (NOW - timedelta(days=rng.randint(10, 300))).date().isoformat()
    return {"column": name, "operator": "on-or-after", "value": day}
