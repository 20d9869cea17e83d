"""The verbs `watermark show` and `watermark set`: how far each table is processed."""

from enum import StrEnum
from typing import Annotated

import typer

from connector.cli.invocation import settings_of
from connector.cli.printing.output import print_moment, print_table, write_json
from connector.cli.printing.talk import talk
from connector.service.watermarks import list_watermarks, restart_table
from connector.state.records import Watermark
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
    marks = list_watermarks(settings_of(context))
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
    restart_table(settings_of(context), table, with_baseline=target is Target.BASELINE)
    talk(f"The next cycle reads {table} from its beginning.")


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
