"""What the rule set needs to know of the environment's tables, read at start and checked.

Nothing is guessed: names of columns, keys and navigation properties come from the metadata.
"""

from collections.abc import Mapping, Sequence

from connector.environment.hierarchies import list_hierarchical_tables
from connector.ports import TableDescriber
from connector.watched_tables.queries import build_watched_table, tables_reached
from connector.watched_tables.watched_table import WatchedTable, WriteColumns
from engine.errors import ConfigProblem
from engine.rules.rule_set import RuleSet
from engine.schema import TableSchema

PEOPLE = ("systemuser", "team", "queue")


def describe_tables(
    rule_set: RuleSet, tables: Sequence[str], describe: TableDescriber
) -> Mapping[str, TableSchema]:
    """The definitions of the watched tables, of the people's, and of all that conditions reach.

    Among those reached are the tables whose hierarchy a condition asks for.
    """
    schema: dict[str, TableSchema] = {}
    roots = (*tables, *PEOPLE)
    wanted = set(roots)
    while wanted:
        for name in sorted(wanted):
            schema[name] = describe(name)
        reached = {name for root in roots for name in tables_reached(rule_set, root, schema)}
        reached |= list_hierarchical_tables(rule_set, schema)
        wanted = reached - schema.keys()
    return schema


def choose_tables(rule_set: RuleSet, wanted: Sequence[str]) -> tuple[str, ...]:
    """The tables to watch: those asked for, else all that have a segment; raises ConfigProblem."""
    known = rule_set.tables
    missing = [table for table in wanted if table not in known]
    if missing:
        raise ConfigProblem(
            f"LEADROBIN_POLL__TABLES names {', '.join(missing)}, for which the rules file has no "
            f"segment; it has segments for {', '.join(known) or 'no table'}"
        )
    if not known:
        raise ConfigProblem("the rules file has no segments: there is nothing to do")
    return tuple(wanted) or known


def build_tables(
    rule_set: RuleSet,
    tables: Sequence[str],
    schema: Mapping[str, TableSchema],
    *,
    page_size: int,
    writes: WriteColumns,
) -> tuple[WatchedTable, ...]:
    """The watched tables; raises ConfigProblem with the unknown columns of all of them."""
    found, problems = find_tables(rule_set, tables, schema, page_size=page_size, writes=writes)
    if problems:
        raise ConfigProblem("; ".join(problems.values()))
    return found


def find_tables(
    rule_set: RuleSet,
    tables: Sequence[str],
    schema: Mapping[str, TableSchema],
    *,
    page_size: int,
    writes: WriteColumns,
) -> tuple[tuple[WatchedTable, ...], Mapping[str, str]]:
    """The watched tables that the definitions allow, and by name what the others lack."""
    found: list[WatchedTable] = []
    problems: dict[str, str] = {}
    for table in tables:
        try:
            found.append(
                build_watched_table(rule_set, table, schema, page_size=page_size, writes=writes)
            )
        except ConfigProblem as error:
            problems[table] = str(error)
    return tuple(found), problems
