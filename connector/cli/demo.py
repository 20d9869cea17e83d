"""The verb `demo`: the whole product in a minute, without a tenant."""

from collections.abc import Callable
from typing import Annotated

import typer

from connector.cli.printing.backlog import print_backlog_entries
from connector.cli.printing.cycles import cycle_data, print_cycles
from connector.cli.printing.decisions import print_explanation
from connector.cli.printing.output import print_table, stdout_console, write_json
from connector.demo.story import Comparison, Stage, Story, open_stage
from connector.state.decision_document import build_decision_data
from connector.state.records import DecisionRecord
from connector.telemetry.logs import configure_logs
from engine.errors import LeadrobinError
from engine.statuses import RoutingStatus

NEXT_STEPS = """What to try next
  leadrobin emulator                     an environment of your own to play with
  leadrobin rules check rules.yaml       check a rules file, with lines and columns
  leadrobin plan                         see what would be assigned, before anything is written
  leadrobin run                          the service; `run --once` for cron
  leadrobin --help                       everything else"""


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("demo")(demo)


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the connector at work on an embedded emulator: nothing needed, nothing left behind."""
    configure_logs("error", "auto")
    with open_stage() as stage:
        for title, play, show in SCENES:
            play(stage)
            if not as_json:
                stdout_console().print(f"\n[bold]{title}[/bold]")
                show(stage.story)
        story = stage.story
    if as_json:
        write_json(_story_data(story))
    else:
        typer.echo(f"\n{NEXT_STEPS}")
    if not story.agrees:
        raise LeadrobinError("the environment does not hold what was decided: this is a defect")


def _say(sentence: str) -> None:
    typer.echo(f"  {sentence}")


def _show_sign_in(story: Story) -> None:
    _say(f"An emulator of the Dataverse Web API serves TLS at {story.url}")
    _say(f"msal signed in; the organization is {story.organization_id}")


def _show_baseline(story: Story) -> None:
    print_cycles(story.baseline)


def _show_events(story: Story) -> None:
    for event in story.events:
        _say(event)


def _show_assigned(story: Story) -> None:
    rows = [_cells(found) for found in story.compared if _is_assigned(found.decision)]
    print_table(("Row", "Table", "Segment", "Rule", "Owner", "Sequence"), rows)
    print_cycles(story.cycles)
    if story.manual:
        _say(f"{story.manual} row was given away by hand: noted, left alone, counted as a turn")


def _show_example(story: Story) -> None:
    assigned = [found.decision for found in story.compared if _is_assigned(found.decision)]
    print_explanation(assigned[0])


def _show_backlog(story: Story) -> None:
    print_backlog_entries(story.backlog, names=story.titles)


def _show_repeat(story: Story) -> None:
    print_cycles(story.repeated)
    _say(f"requests that write: {story.writes_of_repeat}")


def _show_comparison(story: Story) -> None:
    agreeing = sum(1 for found in story.compared if found.agrees)
    _say(
        f"{agreeing} of {len(story.compared)} decided rows have the owner and sequence that were "
        f"decided: the numbers {'agree' if story.agrees else 'do NOT agree'}"
    )


def _stay(_stage: Stage) -> None:
    """Nothing happens in this scene; it only shows."""


SCENES: tuple[tuple[str, Callable[[Stage], None], Callable[[Story], None]], ...] = (
    ("1. An environment, and signing in to it", _stay, _show_sign_in),
    (
        "2. First contact: rows that are there are remembered, not decided",
        Stage.take_baseline,
        _show_baseline,
    ),
    ("3. Meanwhile somebody else works there", Stage.let_things_happen, _show_events),
    ("4. The next cycle decides what is new or changed", Stage.run_cycles, _show_assigned),
    ("5. One of them in words", _stay, _show_example),
    ("6. What could not be given away waits, with its reason", _stay, _show_backlog),
    ("7. The same again without changes", Stage.repeat, _show_repeat),
    ("8. Read back from the environment by the other client", _stay, _show_comparison),
)


def _is_assigned(decision: DecisionRecord) -> bool:
    return decision.routing_status == RoutingStatus.OWNER_ASSIGNED


def _cells(found: Comparison) -> tuple[object, ...]:
    decision = found.decision
    return (
        found.title,
        decision.table,
        decision.segment,
        decision.rule,
        found.owner,
        decision.after.get("sequence"),
    )


def _story_data(story: Story) -> dict[str, object]:
    return {
        "url": story.url,
        "organization_id": story.organization_id,
        "baseline": [cycle_data(cycle) for cycle in story.baseline],
        "events": list(story.events),
        "cycles": [cycle_data(cycle) for cycle in story.cycles],
        "decisions": [
            {
                "title": found.title,
                "owner": found.owner,
                "agrees": found.agrees,
                **build_decision_data(found.decision),
            }
            for found in story.compared
        ],
        "backlog": [
            {"table": entry.table, "id": entry.row_id, "reason": entry.reason}
            for entry in story.backlog
        ],
        "repeated": [cycle_data(cycle) for cycle in story.repeated],
        "writes_of_repeat": story.writes_of_repeat,
        "agrees": story.agrees,
    }
