"""The frame of the program: exit codes, help, and what becomes of errors."""

import errno
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from connector.cli import app as program
from connector.errors import FatalError, LeaseHeld
from engine.errors import ConfigProblem, InvalidDocument, Problem, UnsafePlan
from tests.support.cli import run_cli

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigProblem("wrong url"), 2),
        (InvalidDocument([Problem((), "wrong url")]), 2),
        (UnsafePlan("wrong url"), 3),
        (LeaseHeld("wrong url"), 4),
        (FatalError("wrong url"), 1),
    ],
)
def test_an_error_of_the_tree_is_one_sentence_and_a_code(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    monkeypatch.setattr(program, "build_app", lambda verbs: _failing_app(error))
    run = run_cli(capsys, "fail")
    assert (run.code, run.out, run.err) == (code, "", "wrong url\n")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 1, "Interrupted.\n"),
        (typer.Abort(), 1, "Aborted!\n"),
        (typer.Exit(4), 4, ""),
        (
            PermissionError(errno.EACCES, "Permission denied", "x.db"),
            1,
            "x.db: Permission denied.\n",
        ),
        (OSError("disk on fire"), 1, "disk on fire.\n"),
    ],
)
def test_other_ends_have_their_codes(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    monkeypatch.setattr(program, "build_app", lambda verbs: _failing_app(error))
    run = run_cli(capsys, "fail")
    assert run.code == code
    assert run.err.strip() == said.strip()


def test_a_defect_keeps_its_traceback(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "build_app", lambda verbs: _failing_app(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        run_cli(capsys, "fail")


def _failing_app(error: BaseException) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def nothing() -> None:
        pass

    @app.command("fail")
    def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("settings", "--nonsense"), ("rules", "nonsense"), ("simulate",)]
)
def test_wrong_usage_ends_in_two(capsys: Capture, arguments: tuple[str, ...]) -> None:
    run = run_cli(capsys, *arguments)
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("Usage: leadrobin")


@pytest.mark.parametrize("verb", ["rules", "simulate", "settings"])
def test_help_names_the_verbs(capsys: Capture, verb: str) -> None:
    run = run_cli(capsys, "--help")
    assert run.code == 0
    assert f"  {verb} " in run.out
    assert run_cli(capsys, verb, "--help").code == 0


@pytest.mark.parametrize("verb", list(program.VERBS))
def test_the_list_of_verbs_says_what_each_says_itself(verb: str) -> None:
    module, listed = program.VERBS[verb]
    if find_spec(f"connector.cli.{module}") is None:
        return
    shown = typer.main.get_command(program.build_app([verb]))
    assert isinstance(shown, TyperGroup)
    text = (shown.commands[verb].help or "").replace("\n", " ")
    assert text.startswith(listed.removesuffix("."))


def test_every_module_with_verbs_is_listed() -> None:
    listed = {module for module, _ in program.VERBS.values()}
    folder = Path(program.__file__).parent
    found = {path.stem for path in folder.glob("*.py") if "\ndef register(" in path.read_text()}
    assert found <= listed


@pytest.mark.parametrize(
    "arguments",
    ["--version", "--help", "simulate --help", "rules check rules.yaml", "emulator --help"],
)
def test_light_verbs_do_without_the_heavy_libraries(arguments: str, tmp_path: Path) -> None:
    heavy = "sqlalchemy alembic apscheduler msal requests tenacity"
    code = (
        "import sys; from connector.cli.app import run_program; "
        f"run_program({arguments.split()!r}); "
        f"sys.exit(' '.join(name for name in {heavy.split()!r} if name in sys.modules))"
    )
    (tmp_path / "rules.yaml").write_text("version: 1\n")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip().splitlines()[-1:] in ([], [""]), done.stderr


@pytest.mark.parametrize("arguments", [("--env-file", "plan", "--version"), ("--help", "run")])
def test_the_verb_is_found_behind_options(arguments: tuple[str, ...]) -> None:
    shown = typer.main.get_command(program.build_app(arguments))
    assert isinstance(shown, TyperGroup)
    assert len(shown.commands) > 5
    one = typer.main.get_command(program.build_app(["--env-file=x", "settings", "show"]))
    assert isinstance(one, TyperGroup)
    assert list(one.commands) == ["settings"]


def test_the_service_is_not_started_to_print_json_it_never_prints(capsys: Capture) -> None:
    run = run_cli(capsys, "run", "--json")
    assert (run.code, run.out) == (2, "")
    assert "add --once" in run.err


def test_the_version_is_told(capsys: Capture) -> None:
    run = run_cli(capsys, "--version")
    assert run.code == 0
    assert run.out.startswith("leadrobin ")


def test_settings_are_shown_masked_with_their_source(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADROBIN_AUTH__CLIENT_SECRET", "hush")
    table = run_cli(capsys, "settings", "show")
    assert table.code == 0
    assert "hush" not in table.out
    (line,) = [line for line in table.out.splitlines() if "AUTH__CLIENT_SECRET " in line]
    assert "**********" in line
    assert "environment" in line
    listed = run_cli(capsys, "settings", "show", "--json").document
    assert {
        "name": "LEADROBIN_AUTH__CLIENT_SECRET",
        "value": "**********",
        "source": "environment",
    } in listed


def test_an_unknown_setting_is_refused_by_every_verb_that_reads_settings(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADROBIN_DATAVERSE__ULR", "x")
    run = run_cli(capsys, "settings", "show")
    assert run.code == 2
    assert run.err == (
        "LEADROBIN_DATAVERSE__ULR (environment) is not a setting;"
        " did you mean LEADROBIN_DATAVERSE__URL?\n"
    )
