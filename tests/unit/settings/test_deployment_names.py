"""Every setting that a deployment file names exists."""

import re
from pathlib import Path

import pytest

from settings.sources import declared_settings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_named_settings_are_declared(path: Path) -> None:
    named = set(re.findall(r"LEADROBIN_[A-Z][A-Z_]*[A-Z]", path.read_text(encoding="utf-8")))
    known = {setting.variable for setting in declared_settings()}
    assert {name for name in named if "__" in name} <= known


def test_the_example_environment_names_what_is_needed_to_start() -> None:
    text = (DEPLOY / "env.example").read_text(encoding="utf-8")
    needed = ("DATAVERSE__URL", "AUTH__CLIENT_ID", "STORE__URL", "RULES__FILE")
    assert all(f"\nLEADROBIN_{name}=" in text for name in needed)
