"""What the verbs say that need no environment: help, rules, expectations, simulations, settings."""

import json
from pathlib import Path

from tests.support.golden import DATA
from tests.support.recorded import RECORDED, ROOT, Names, Transcript, surroundings

VERBS: tuple[tuple[str, ...], ...] = (
    (),
    ("demo",),
    ("run",),
    ("plan",),
    ("apply",),
    ("explain",),
    ("backlog",),
    ("backlog", "retry"),
    ("backfill",),
    ("history",),
    ("undo",),
    ("rules",),
    ("rules", "check"),
    ("rules", "show"),
    ("rules", "schema"),
    ("rules", "test"),
    ("simulate",),
    ("watermark",),
    ("watermark", "show"),
    ("watermark", "set"),
    ("settings",),
    ("settings", "show"),
    ("doctor",),
    ("store",),
    ("store", "upgrade"),
    ("store", "check"),
    ("store", "backup"),
    ("emulator",),
)
MISUSED: tuple[tuple[str, ...], ...] = (
    ("nonsense",),
    ("run", "--nonsense"),
    ("explain", "lead"),
    ("backfill",),
    ("plan", "--format", "yaml"),
    ("history", "--limit", "0"),
    ("watermark", "set"),
    ("emulator", "--sellers", "-1"),
    ("emulator", "--limits", "nonsense=1"),
    ("store", "nonsense"),
    ("--env-file", "missing.env", "settings", "show"),
)
UNUSABLE = {
    "DATAVERSE__URL": "ftp://example.invalid",
    "STORE__URL": "nonsense",
    "POLL__PAGE_SIZE": "0",
    "WRITE__WAY": "sideways",
    "LOG__LEVEL": "loud",
    "NONSENSE": "1",
    "AUTH__CLIENT_SECRET_FILE": "/nowhere/secret",
}
NOW = "2026-11-23T10:30:00Z"


def tell_help(folder: Path) -> str:
    """The help of every verb, and what follows a wrong word."""
    told = Transcript(Names(folder))
    with surroundings({}):
        for verb in VERBS:
            told.run(*verb, "--help")
        for words in MISUSED:
            told.run(*words)
    return told.text


def tell_rules(folder: Path) -> str:
    """Rules files are checked, shown and tested."""
    told = Transcript(Names(folder))
    example, own = ROOT / "deploy" / "rules.example.yaml", RECORDED / "rules.yaml"
    directory = DATA / "simulate" / "directory.json"
    with surroundings({}):
        for file in (example, own):
            told.run("rules", "check", file)
            told.run("rules", "check", file, "--json")
            told.run("rules", "show", file)
        told.run("rules", "show", own, "--json")
        told.run("rules", "check", example, "--directory", directory)
        for file in sorted((DATA / "rules").glob("*/*.yaml")):
            told.run("rules", "check", file)
            told.run("rules", "check", file, "--json")
        told.run("rules", "check")
        told.run("rules", "check", folder / "missing.yaml")
        _tell_expectations(told, folder, example, directory)
    return told.text


def _tell_expectations(told: Transcript, folder: Path, rules: Path, directory: Path) -> None:
    text = (ROOT / "deploy" / "rules.expectations.example.yaml").read_text(encoding="utf-8")
    expected, wrong, broken = folder / "expected.yaml", folder / "wrong.yaml", folder / "no.yaml"
    expected.write_text(text, encoding="utf-8")
    wrong.write_text(text.replace("segment: UK trade shows", "segment: Customers of ours"))
    broken.write_text("expect: [{table: lead, rows: 1}]\n", encoding="utf-8")
    for file in (expected, wrong, broken):
        told.run("rules", "test", rules, file)
        told.run("rules", "test", rules, file, "--json")
    told.run("rules", "test", rules, expected, "--directory", directory)


def tell_simulation(folder: Path) -> str:
    """Rows of a file are decided, with checksums, traces and the directory behind it."""
    told = Transcript(Names(folder))
    directory, after = DATA / "simulate" / "directory.json", folder / "after.json"
    records = DATA / "simulate" / "records.jsonl"
    with surroundings({}):
        for rules in (ROOT / "deploy" / "rules.example.yaml", RECORDED / "rules.yaml"):
            files = ("--rules", rules, "--records", records, "--directory", directory)
            told.run("simulate", *files, "--now", NOW, "--directory-out", after)
            told.say(json.dumps(json.loads(after.read_text(encoding="utf-8")), indent=1))
            told.run("simulate", *files, "--now", NOW, "--trace")
            told.run("simulate", *files, "--at-record-time")
            told.run("simulate", *files, "--now", "soon")
            told.run("simulate", *files, "--engine", "steam")
        told.run("simulate", "--rules", rules, "--records", folder / "missing", *files[4:])
    return told.text


def tell_settings(folder: Path) -> str:
    """Settings from the environment and a file, and those that cannot be used."""
    told = Transcript(Names(folder))
    file = folder / "some.env"
    file.write_text("LEADROBIN_POLL__PAGE_SIZE=50\nLEADROBIN_LOG__LEVEL=debug\n", encoding="utf-8")
    with surroundings({"LEADROBIN_AUTH__CLIENT_SECRET": "not shown"}):
        told.run("settings", "show")
        told.run("settings", "show", "--json")
        told.run("--env-file", file, "settings", "show", "--json")
        told.run("run", "--once")
        told.run("doctor")
    for name, value in UNUSABLE.items():
        with surroundings({f"LEADROBIN_{name}": value}):
            told.say(f"LEADROBIN_{name}={value}")
            told.run("settings", "show", "--json")
            told.run("run", "--once")
    return told.text
