"""The verb `doctor`: what is in order and what is not, the things others depend on first."""

from typing import Annotated

import typer

from connector.cli.invocation import settings_of
from connector.cli.printing.output import print_table, write_json
from connector.service.doctor import examine
from connector.telemetry.logs import configure_logs
from engine.errors import LeadrobinError


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
