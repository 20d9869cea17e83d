"""The verbs `store upgrade`, `store check` and `store backup`."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.arguments import raise_if_no_folder
from connector.cli.invocation import settings_of
from connector.cli.printing.output import print_table, write_json
from connector.cli.printing.talk import talk
from connector.service import store_upkeep
from engine.errors import LeadrobinError

store_app = typer.Typer(help="Look after the store that keeps the state.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs to the program."""
    app.add_typer(store_app, name="store")


@store_app.command("upgrade")
def upgrade(context: typer.Context) -> None:
    """Bring the store to the version of this program; the service has to be stopped."""
    before, after = store_upkeep.upgrade(settings_of(context))
    if before == after:
        talk(f"The store is at revision {after} already.")
    else:
        talk(f"The store went from revision {before or '(empty)'} to {after}.")


@store_app.command("check")
def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count what the store holds and check that it agrees with itself; exit 1 when it does not."""
    report = store_upkeep.check(settings_of(context))
    if as_json:
        write_json({"rows": dict(report.rows), "problems": list(report.problems)})
    else:
        print_table(("Table", "Rows"), report.rows.items())
    if report.problems:
        raise LeadrobinError("\n".join(report.problems))


@store_app.command("backup")
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write the copy to; must not exist.")],
) -> None:
    """Copy a SQLite store into a file, also while the service runs."""
    raise_if_no_folder(file)
    store_upkeep.back_up(settings_of(context), file)
    talk(f"The store was copied to {file}.")
