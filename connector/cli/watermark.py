"""The verbs `watermark show` and `watermark set`: how far each table is processed."""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from connector.cli.invocation import settings_of
from connector.cli.printing.output import print_moment, print_table, write_json
from connector.cli.printing.talk import talk
from connector.service.bootstrap import open_locked_store
from connector.state.records import ReadMode, Watermark
from connector.store.opening import open_store
from engine.errors import LeadrobinError
from engine.instants import print_instant

watermark_app = typer.Typer(help="See and move how far tables are processed.", no_args_is_help=True)


class Target(StrEnum):
    """Where a watermark can be moved to."""

    RESYNC = "resync"
    BASELINE = "baseline"


def register(app: typer.Typer) -> None:
    """Add the verbs to the program."""
    app.add_typer(watermark_app, name="watermark")


@watermark_app.command("show")
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the tables with how far they are processed."""
    store = open_store(settings_of(context).store.url)
    try:
        with store.begin() as session:
            marks = session.list_watermarks()
    finally:
        store.close()
    if as_json:
        write_json([_data(mark) for mark in marks])
    elif marks:
        print_table(
            ("Table", "Mode", "Pages", "Rows seen", "Baseline done", "Last cycle"),
            [
                (
                    mark.table,
                    mark.mode.value,
                    mark.pages,
                    mark.rows_seen,
                    print_moment(mark.baseline_done_at) if mark.baseline_done_at else None,
                    print_moment(mark.signpost) if mark.signpost else None,
                )
                for mark in marks
            ],
        )
    else:
        talk("No table was read yet.")


@watermark_app.command("set")
def set_watermark(
    context: typer.Context,
    table: Annotated[str, typer.Argument(help="Logical name of the table.")],
    target: Annotated[
        Target,
        typer.Argument(
            help="resync: read the table again and decide what changed meanwhile; "
            "baseline: begin anew, nothing that is there now is decided."
        ),
    ],
) -> None:
    """Make the next cycle read a table from its beginning."""
    with open_locked_store(settings_of(context), table) as store, store.begin() as session:
        mark = session.load_watermark(table)
        if mark is None:
            raise LeadrobinError(f"{table} was not read yet: there is nothing to move")
        session.save_watermark(_moved(mark, target))
    talk(f"The next cycle reads {table} from its beginning.")


def _moved(mark: Watermark, target: Target) -> Watermark:
    is_baseline = target is Target.BASELINE or mark.baseline_done_at is None
    return replace(
        mark,
        mode=ReadMode.BASELINE if is_baseline else ReadMode.RESYNC,
        link=None,
        generation=mark.generation + 1,
        baseline_done_at=None if is_baseline else mark.baseline_done_at,
    )


def _data(mark: Watermark) -> dict[str, object]:
    return {
        "table": mark.table,
        "mode": mark.mode.value,
        "link": mark.link,
        "pages": mark.pages,
        "rows_seen": mark.rows_seen,
        "generation": mark.generation,
        "organization_id": mark.organization_id,
        "baseline_done_at": print_instant(mark.baseline_done_at) if mark.baseline_done_at else None,
        "signpost": print_instant(mark.signpost) if mark.signpost else None,
    }
