"""Runs the packaged migrations by Alembic; when they are due is decided in `opening`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def build_alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for the packaged migrations on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest revision."""
    command.upgrade(build_alembic_config(connection), "head")
