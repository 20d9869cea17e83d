"""The program: its verbs, its global options, and exit codes; what a verb does is in its module."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.invocation import Invocation
from connector.cli.output import talk
from engine.errors import ConfigProblem, LeadrobinError, LeaseHeld, UnsafePlan

COMMAND_MODULES = (
    "demo",
    "run",
    "plan",
    "explain",
    "backlog",
    "backfill",
    "history",
    "rules",
    "simulate",
    "shadow",
    "watermark",
    "settings_show",
    "doctor",
    "store",
    "monitor",
    "emulator",
)
"""Modules of this package in the order of the help text; each has `register(app)`."""

MODULE_OF_VERB = {
    "rules": "rules",
    "simulate": "simulate",
    "settings": "settings_show",
    "emulator": "emulator",
}
"""Verbs whose module alone is imported, so that they start without the libraries of the others."""

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNSAFE = 3
EXIT_LEASE_HELD = 4
EXIT_OF_INTERRUPT = 130
"""What the argument parser makes of Ctrl-C; ours is 1, as every other code has a meaning."""

EXIT_CODES: tuple[tuple[type[LeadrobinError], int], ...] = (
    (ConfigProblem, EXIT_USAGE),
    (UnsafePlan, EXIT_UNSAFE),
    (LeaseHeld, EXIT_LEASE_HELD),
    (LeadrobinError, EXIT_FAILED),
)


def main() -> None:
    """Run the program and exit; see `run_program` for the codes. Output is UTF-8 everywhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    sys.exit(run_program(sys.argv[1:]))


def run_program(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    0 done, 1 failed, 2 usage or configuration, 3 refused as unsafe, 4 lease held elsewhere. Errors
    of the tree end in their own sentences on stderr; anything else is a defect and keeps its
    traceback.
    """
    try:
        return _run_verb(arguments)
    except LeadrobinError as error:
        talk(str(error))
        return next(code for kind, code in EXIT_CODES if isinstance(error, kind))
    except KeyboardInterrupt:
        talk("Interrupted.")
        return EXIT_FAILED
    except OSError as error:
        return _report_system_error(error)


def build_app(verbs: Sequence[str]) -> typer.Typer:
    """Put the program together from its command modules, only those that `verbs` need."""
    app = typer.Typer(
        name="leadrobin",
        help="Work assignment for Microsoft Dataverse: segments, sequences and assignment rules.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
    )
    app.callback()(_set_up)
    for name in _choose_modules(verbs):
        import_module(f"connector.cli.{name}").register(app)
    return app


def _run_verb(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(build_app(arguments[:1]))
    try:
        command.main(list(arguments), prog_name="leadrobin")
    except SystemExit as exit_:
        if exit_.code == EXIT_OF_INTERRUPT:
            raise KeyboardInterrupt from exit_
        return exit_.code if isinstance(exit_.code, int) else 0
    return 0


def _choose_modules(verbs: Sequence[str]) -> tuple[str, ...]:
    if len(verbs) == 1 and verbs[0] in MODULE_OF_VERB:
        return (MODULE_OF_VERB[verbs[0]],)
    return tuple(name for name in COMMAND_MODULES if find_spec(f"connector.cli.{name}"))


def _report_system_error(error: OSError) -> int:
    if error.errno == errno.EPIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    talk(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.")
    return EXIT_FAILED


def _find_version() -> str:
    try:
        return version("leadrobin")
    except PackageNotFoundError:
        return "(run from its source tree, not installed)"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"leadrobin {_find_version()}")
        raise typer.Exit


def _set_up(
    context: typer.Context,
    env_file: Annotated[
        Path | None,
        typer.Option(
            help="File with LEADROBIN_… settings; the environment wins over it.",
            envvar="LEADROBIN_ENV_FILE",
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001  handled by its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    context.obj = Invocation(env_file=env_file)


if __name__ == "__main__":
    main()
