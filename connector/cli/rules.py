"""The verbs `rules check`, `show`, `schema` and `test`; what they find out is found elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.invocation import find_clock, settings_of
from connector.cli.printing.output import count_of, stdout_console, write_json
from connector.cli.printing.rules_tree import build_tree
from connector.cli.printing.talk import talk
from connector.simulation.directory_file import read_directory
from connector.simulation.expectations import Outcome, check_expectations
from connector.simulation.replay import build_decider
from engine.checks.directory import lint_directory
from engine.checks.lint import lint_rule_set
from engine.rules.rule_set import RuleSet
from engine.standard_tables import STANDARD_TABLES
from settings.documents import DocumentProblem, PlacedProblem
from settings.rules_file import RulesFile, load_rules_file
from settings.sources import require_set

EXIT_WITH_MISMATCHES = 1
EXIT_WITH_ERRORS = 2

rules_app = typer.Typer(help="Check, show and test a rules file.", no_args_is_help=True)

RulesArgument = Annotated[
    Path | None,
    typer.Argument(help="Rules file, YAML or JSON; default is LEADROBIN_RULES__FILE."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DirectoryOption = Annotated[
    Path | None, typer.Option("--directory", help="Sellers, teams and queues, JSON.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the program."""
    app.add_typer(rules_app, name="rules")


@rules_app.callback()
def _rules() -> None:
    """Check, show and test a rules file."""


@rules_app.command("check")
def check_rules(
    context: typer.Context,
    file: RulesArgument = None,
    directory: DirectoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate a rules file and point out what looks wrong; errors end in exit code 2."""
    path = _choose_file(context, file)
    try:
        rules = load_rules_file(path)
        warnings = _find_warnings(rules, directory)
    except DocumentProblem as error:
        if not as_json:
            raise
        write_json(_build_report(path, error.problems, ()))
        raise typer.Exit(EXIT_WITH_ERRORS) from error
    if as_json:
        write_json(_build_report(path, (), warnings))
        return
    for warning in warnings:
        talk(f"{warning.file}:{warning.line}:{warning.column}: warning: {warning.message}")
    stdout_console().print(_summarise(path, rules.rule_set, len(warnings)), markup=False)


@rules_app.command("show")
def show_rules(
    context: typer.Context, file: RulesArgument = None, as_json: JsonOption = False
) -> None:
    """Print a rules file as a tree, segments and rules in the order they are tried."""
    rule_set = load_rules_file(_choose_file(context, file)).rule_set
    if as_json:
        write_json(rule_set.model_dump(mode="json", exclude_defaults=True))
        return
    for table in rule_set.tables:
        stdout_console().print(build_tree(rule_set, table), soft_wrap=True)


@rules_app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of rules files, for editors that check while you type."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    write_json({"$schema": draft, **RuleSet.model_json_schema(), "title": "Leadrobin rules"})


@rules_app.command("test")
def run_expectations(
    rules: Annotated[Path, typer.Argument(help="Rules file, YAML or JSON.")],
    expectations: Annotated[
        Path, typer.Argument(help="Rows with the segment, rule and owner they should get.")
    ],
    directory: DirectoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide the rows of an expectations file; one that comes out differently is exit code 1."""
    outcomes = check_expectations(load_rules_file(rules), expectations, directory)
    failed = [outcome for outcome in outcomes if outcome.mismatches]
    if as_json:
        write_json([_build_outcome(outcome) for outcome in outcomes])
    else:
        _print_outcomes(outcomes, len(failed))
    if failed:
        raise typer.Exit(EXIT_WITH_MISMATCHES)


def _choose_file(context: typer.Context, file: Path | None) -> Path:
    if file is not None:
        return file
    settings = settings_of(context)
    require_set(settings, ["rules.file"])
    return settings.rules.file or Path()


def _find_warnings(rules: RulesFile, directory: Path | None) -> list[PlacedProblem]:
    problems = lint_rule_set(rules.rule_set, STANDARD_TABLES)
    if directory is not None:
        people = read_directory(directory, time_zone=rules.rule_set.time_zone)
        build_decider(rules, people, STANDARD_TABLES)
        now = find_clock().now()
        problems += lint_directory(rules.rule_set, people.directory, STANDARD_TABLES, now)
    return rules.document.place_problems(problems)


def _build_report(
    path: Path,
    errors: tuple[PlacedProblem, ...],
    warnings: tuple[PlacedProblem, ...] | list[PlacedProblem],
) -> dict[str, object]:
    placed = [("error", problem) for problem in errors]
    placed += [("warning", problem) for problem in warnings]
    return {
        "file": str(path),
        "ok": not errors,
        "problems": [
            {
                "severity": severity,
                "line": problem.line,
                "column": problem.column,
                "message": problem.message,
            }
            for severity, problem in placed
        ],
    }


def _summarise(path: Path, rule_set: RuleSet, warnings: int) -> str:
    counts = ", ".join(
        count_of(len(items), name)
        for name, items in (
            ("segment", rule_set.segments),
            ("rule", rule_set.rules),
            ("sequence", rule_set.sequences),
        )
    )
    found = count_of(warnings, "warning") if warnings else "nothing to complain about"
    return f"{path}: {counts}; {found}."


def _build_outcome(outcome: Outcome) -> dict[str, object]:
    return {
        "name": outcome.name,
        "place": outcome.place,
        "ok": not outcome.mismatches,
        "mismatches": [
            {"field": item.field, "expected": item.expected, "actual": item.actual}
            for item in outcome.mismatches
        ],
    }


def _print_outcomes(outcomes: list[Outcome], failed: int) -> None:
    console = stdout_console()
    for outcome in outcomes:
        if outcome.mismatches:
            console.print(f"FAILED {outcome.name} ({outcome.place})", markup=False)
        for item in outcome.mismatches:
            line = f"  {item.field}: expected {item.expected}, got {item.actual}"
            console.print(line, markup=False)
    if failed:
        console.print(f"{failed} of {count_of(len(outcomes), 'expectation')} failed.")
    else:
        console.print(f"{count_of(len(outcomes), 'expectation')} met.")
