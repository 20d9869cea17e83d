"""The verb `settings show`: every setting with its value and its source; secrets stay masked."""

from typing import Annotated

import typer

from connector.cli.invocation import invocation_of
from connector.cli.printing.output import print_table, write_json
from settings.sources import list_settings

settings_app = typer.Typer(help="See what is configured.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.add_typer(settings_app, name="settings")


@settings_app.callback()
def _settings() -> None:
    """See what is configured."""


@settings_app.command("show")
def show_settings(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print every setting with the value in force and where it comes from; secrets are masked."""
    values = list_settings(invocation_of(context).env_file)
    if as_json:
        write_json(
            [{"name": item.variable, "value": item.value, "source": item.source} for item in values]
        )
        return
    print_table(
        ("Setting", "Value", "Source", "Meaning"),
        [(item.variable, item.value, item.source, item.description) for item in values],
    )
