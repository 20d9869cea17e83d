"""What `leadrobin doctor` finds out; how it is shown is the command's."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from connector.dataverse.reads.feed import FollowBy
from connector.environment.table_definitions import PEOPLE, build_tables
from connector.service import store_upkeep
from connector.service.bootstrap import load_rules, open_client
from connector.service.environment import Environment
from connector.service.start_up import StartUp
from connector.service.system import FIRST_ANSWER
from connector.watched_tables.queries import build_target_query
from connector.watched_tables.watched_table import WriteColumns
from engine.errors import LeadrobinError
from engine.rules.rule_set import RuleSet
from engine.sellers import Directory
from settings.model import SequenceMode, Settings
from settings.rules_file import RulesFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; `problem` is None when it is in order."""

    what: str
    detail: str = ""
    problem: str | None = None


def examine(
    settings: Settings,
    *,
    source: Environment | None = None,
    people: Callable[[], Directory] | None = None,
) -> Iterator[Finding]:
    """Look at one thing after the other; what depends on something broken is left out.

    As by `bootstrap`, the environment of the settings is signed in to without a `source`, and
    people are read there without `people`.
    """
    rules = _look("rules file", lambda: f"{len(load_rules(settings).rule_set.rules)} rules")
    yield rules
    yield _look("store", lambda: _describe_store(settings))
    try:
        opened = nullcontext(source) if source else open_client(settings, stop=threading.Event())
    except LeadrobinError as error:
        yield Finding(what="environment", problem=str(error))
        return
    with opened as environment:
        sign_in = _look("sign-in", lambda: _describe_sign_in(environment))
        yield sign_in
        if not (sign_in.problem or rules.problem):
            found = load_rules(settings)
            start = StartUp(
                settings=settings, rule_set=found.rule_set, source=environment, people=people
            )
            yield from _examine_tables(start, found)


def _examine_tables(start: StartUp, rules: RulesFile) -> Iterator[Finding]:
    for name in start.names:
        yield _look(f"table {name}", partial(_describe_table, start, name))
    columns = _look("columns of the rules", lambda: _describe_columns(start))
    yield columns
    if columns.problem is None:
        yield _look("people of the rules", lambda: _describe_people(start, rules))
    for table, wanted in _rows_named(rules.rule_set).items():
        yield _look(f"rows of {table}", partial(_describe_rows, start, table, wanted))
    if not start.settings.write.coexist:
        yield _look("Microsoft's own rules", lambda: _describe_rules(start))


def _describe_sign_in(source: Environment) -> str:
    source.start_cycle(FIRST_ANSWER)
    return f"organization {source.who_am_i().organization_id} at {source.url}"


def _describe_store(settings: Settings) -> str:
    report = store_upkeep.check(settings)
    if report.problems:
        raise LeadrobinError("; ".join(report.problems))
    return f"{report.rows['ledger_rows']} rows, {report.rows['decisions']} decisions"


def _describe_table(start: StartUp, name: str) -> str:
    table, write = start.source.describe_table(name), start.settings.write
    followed = _describe_following(start, is_tracked=table.change_tracking)
    wanted = [write.segment_column]
    if write.sequence_mode is SequenceMode.COLUMN:
        wanted.append(write.sequence_column)
    missing = [column for column in wanted if column not in table.to_schema().columns]
    left_out = f"; not written, as the table lacks it: {', '.join(missing)}" if missing else ""
    return f"{followed}{left_out}"


def _describe_following(start: StartUp, *, is_tracked: bool) -> str:
    """How changes are found; only who insists on change tracking cannot do without it."""
    way = FollowBy(start.settings.poll.follow_by)
    if way is FollowBy.MODIFIED_ON:
        return "followed by modifiedon, as LEADROBIN_POLL__FOLLOW_BY says"
    if is_tracked:
        days = start.source.fetch_token_life_days()
        return "changes are tracked" if days is None else f"changes are tracked, kept {days} days"
    if way is FollowBy.TRACKING:
        raise LeadrobinError("change tracking is off; switch it on in the table's properties")
    return "followed by modifiedon: change tracking is off in the table's properties"


def _describe_columns(start: StartUp) -> str:
    """What the start of `run` looks at: everything the rules read is there."""
    watched = build_tables(
        start.rule_set,
        start.names,
        start.schema,
        page_size=start.settings.poll.page_size,
        writes=WriteColumns(),
    )
    for people in PEOPLE:
        build_target_query(start.rule_set, people, start.schema, always=())
    return f"{sum(len(table.query.columns) for table in watched)} are read"


def _describe_people(start: StartUp, rules: RulesFile) -> str:
    """As the start of `run`: everybody whom the rules name is there."""
    people = start.fetch_people()
    with rules.document.explaining():
        start.build_reading(start.schema, lambda: people).rules()
    found = people.directory
    sellers, teams, queues = len(found.sellers), len(found.teams), len(found.queues)
    return f"sellers: {sellers}, teams: {teams}, queues: {queues}; all that are named are there"


def _rows_named(rule_set: RuleSet) -> dict[str, dict[str, str]]:
    """The tenant's rows that the rules name, as table → id → name in the rules."""
    return {
        "msdyn_segment": {s.segment_id.lower(): s.name for s in rule_set.segments if s.segment_id},
        "msdyn_sequence": {
            s.sequence_id.lower(): s.name for s in rule_set.sequences if s.sequence_id
        },
    }


def _describe_rows(start: StartUp, table: str, wanted: Mapping[str, str]) -> str:
    """Rows that are not there would make every write that names them be refused."""
    if not wanted:
        return "the rules name none"
    key = start.describe(table).primary_id
    found = {str(row[key]).lower() for row in start.source.read_rows(table, (key,))}
    missing = [f"{name} ({row_id})" for row_id, name in wanted.items() if row_id not in found]
    if missing:
        raise LeadrobinError(
            f"the environment has no {table} for {', '.join(missing)}: correct the id in the rules "
            "file, or leave it out"
        )
    return f"{len(wanted)} found"


def _describe_rules(start: StartUp) -> str:
    start.raise_if_rules_active()
    return "none is active"


def _look(what: str, describe: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, detail=describe())
    except LeadrobinError as error:
        return Finding(what=what, problem=str(error))
