"""The verb `doctor`: what is in order and what is not, the things others depend on first."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from connector.bootstrap import FIRST_ANSWER, load_rules, open_client
from connector.cli.invocation import settings_of
from connector.cli.output import print_table, write_json
from connector.dataverse.client import DataverseClient
from connector.environment import choose_tables, raise_if_rules_active
from connector.logs import configure_logs
from connector.store.maintenance import check_store
from connector.store.opening import open_store
from engine.errors import LeadrobinError
from settings.model import SequenceMode, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; `problem` is None when it is in order."""

    what: str
    detail: str = ""
    problem: str | None = None


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check settings, rules, store, sign-in and tables; exit 1 when something is not in order."""
    configure_logs("error", "auto")
    findings = list(examine(settings_of(context)))
    if as_json:
        write_json([{"what": f.what, "detail": f.detail, "problem": f.problem} for f in findings])
    else:
        print_table(
            ("Looked at", "State", "Detail"),
            [(f.what, "problem" if f.problem else "ok", f.problem or f.detail) for f in findings],
        )
    problems = sum(1 for finding in findings if finding.problem)
    if problems:
        raise LeadrobinError(f"{problems} problem(s) found")


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at one thing after the other; what depends on something broken is left out."""
    rules = _look("rules file", lambda: f"{len(load_rules(settings).rules)} rules")
    yield rules
    yield _look("store", lambda: _describe_store(settings))
    stop = threading.Event()
    try:
        client = open_client(settings, stop=stop)
    except LeadrobinError as error:
        yield Finding(what="environment", problem=str(error))
        return
    with client:
        client.start_cycle(FIRST_ANSWER)
        sign_in = _look(
            "sign-in", lambda: f"organisation {client.who_am_i().organization_id} at {client.url}"
        )
        yield sign_in
        if sign_in.problem or rules.problem:
            return
        yield from _examine_tables(settings, client)


def _examine_tables(settings: Settings, client: DataverseClient) -> Iterator[Finding]:
    for name in choose_tables(load_rules(settings), settings.poll.tables):
        yield _look(f"table {name}", partial(_describe_table, settings, client, name))
    if not settings.write.coexist:
        yield _look("Microsoft's own rules", lambda: _describe_rules(client))


def _describe_store(settings: Settings) -> str:
    store = open_store(settings.store.url)
    try:
        report = check_store(store)
    finally:
        store.close()
    if report.problems:
        raise LeadrobinError("; ".join(report.problems))
    return f"{report.rows['ledger_rows']} rows, {report.rows['decisions']} decisions"


def _describe_table(settings: Settings, client: DataverseClient, name: str) -> str:
    table = client.describe_table(name)
    if not table.change_tracking:
        raise LeadrobinError("change tracking is off; switch it on in the table's properties")
    wanted = [settings.write.segment_column]
    if settings.write.sequence_mode is SequenceMode.COLUMN:
        wanted.append(settings.write.sequence_column)
    missing = [column for column in wanted if column not in table.columns]
    left_out = f"; not written, as the table lacks it: {', '.join(missing)}" if missing else ""
    return f"changes are tracked{left_out}"


def _describe_rules(client: DataverseClient) -> str:
    raise_if_rules_active(
        client, lambda logical_name: client.describe_table(logical_name).to_schema()
    )
    return "none is active"


def _look(what: str, describe: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, detail=describe())
    except LeadrobinError as error:
        return Finding(what=what, problem=str(error))
