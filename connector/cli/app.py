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
from connector.cli.printing.talk import talk
from connector.errors import LeaseHeld
from engine.errors import ConfigProblem, LeadrobinError, Unsafe

VERBS: dict[str, tuple[str, str]] = {
    "demo": (
        "demo",
        "Show the connector at work on an embedded emulator: nothing needed, nothing left behind.",
    ),
    "run": ("run", "Watch the tables and assign new and changed rows, until Ctrl-C."),
    "plan": (
        "plan",
        "Read what changed and decide it, as `run` would; write nothing to Dataverse.",
    ),
    "apply": ("plan", "Write a saved plan, or without FILE one made now."),
    "explain": ("explain", "Say what was decided about a row."),
    "backlog": ("backlog", "See rows that wait, and try them again."),
    "backfill": (
        "backfill",
        "Decide open rows that were there at the baseline, oldest first; the plan is shown first.",
    ),
    "history": ("history", "List the latest cycles with their counts, or the decisions of one."),
    "undo": (
        "history",
        "Put back owner, segment and sequence of a cycle's rows, where nobody touched them since.",
    ),
    "rules": ("rules", "Check, show and test a rules file."),
    "simulate": (
        "simulate",
        "Decide rows from a file as a cycle would, and print one JSON object a line.",
    ),
    "shadow": ("shadow", "Compare with what Microsoft's own engine decided."),
    "watermark": ("watermark", "See and move how far tables are processed."),
    "settings": ("settings_show", "See what is configured."),
    "doctor": (
        "doctor",
        "Check settings, rules, store, sign-in and tables; exit 1 when something is not in order.",
    ),
    "store": ("store", "Look after the store that keeps the state."),
    "monitor": ("monitor", "Serve the read-only web pages."),
    "emulator": ("emulator", "Serve a Dataverse Web API to try things against."),
}
"""Module of this package and help of each verb, in the order of the help text.

Only the module of the verb that is run is imported, so that none waits for the libraries of the
others; each has `register(app)`.
"""

VALUED_OPTIONS = ("--env-file",)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNSAFE = 3
EXIT_LEASE_HELD = 4
EXIT_OF_INTERRUPT = 130
"""What the argument parser makes of Ctrl-C; ours is 1, as every other code has a meaning."""

EXIT_CODES: tuple[tuple[type[LeadrobinError], int], ...] = (
    (ConfigProblem, EXIT_USAGE),
    (Unsafe, EXIT_UNSAFE),
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


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """Put the program together: the verb that `arguments` name, or a list of all verbs."""
    app = typer.Typer(
        name="leadrobin",
        help="Work assignment for Microsoft Dataverse: segments, sequences and assignment rules.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
    )
    app.callback()(_set_up)
    module = _find_module(arguments)
    if module is not None:
        import_module(f"connector.cli.{module}").register(app)
        return app
    for verb, (name, text) in VERBS.items():
        if find_spec(f"connector.cli.{name}"):
            app.command(verb, help=text)(_nothing)
    return app


def _run_verb(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(build_app(arguments))
    try:
        command.main(list(arguments), prog_name="leadrobin")
    except SystemExit as exit_:
        if exit_.code == EXIT_OF_INTERRUPT:
            raise KeyboardInterrupt from exit_
        return exit_.code if isinstance(exit_.code, int) else 0
    return 0


def _find_module(arguments: Sequence[str]) -> str | None:
    """The module of the verb; None for no verb or an unknown one, which is up to the parser."""
    rest = iter(arguments)
    for argument in rest:
        if argument in VALUED_OPTIONS:
            next(rest, None)
        elif not argument.startswith("-"):
            name = VERBS.get(argument, ("", ""))[0]
            return name if name and find_spec(f"connector.cli.{name}") else None
        elif argument in {"--help", "--version"}:
            return None
    return None


def _nothing() -> None:
    """What stands for a verb where only its help is shown."""


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
