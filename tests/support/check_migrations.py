"""Compare the packaged migrations with the tables: `python -m tests.support.check_migrations`."""

import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from connector.store.opening import upgrade_store
from connector.store.tables import metadata


def find_differences(url: str) -> list[str]:
    """What a new revision would have to change in a store that was just brought up to date."""
    upgrade_store(url)
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            options = {"compare_type": True, "target_metadata": metadata}
            context = MigrationContext.configure(connection, opts=options)
            return [str(difference) for difference in compare_metadata(context, metadata)]
    finally:
        engine.dispose()


def main() -> int:
    """Print the differences; 1 when there are any."""
    with tempfile.TemporaryDirectory() as folder:
        differences = find_differences(f"sqlite:///{Path(folder) / 'store.db'}")
    for difference in differences:
        sys.stderr.write(f"no migration for: {difference}\n")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
