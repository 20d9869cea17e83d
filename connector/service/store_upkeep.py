"""What is done to a store besides working on it: upgrade, check, backup."""

from contextlib import closing
from pathlib import Path

from connector.store.maintenance import StoreReport, back_up_store, check_store
from connector.store.opening import open_store, upgrade_store
from settings.model import Settings


def upgrade(settings: Settings) -> tuple[str | None, str]:
    """Bring the store to the version of this program; the revisions before and after."""
    return upgrade_store(settings.store.url)


def check(settings: Settings) -> StoreReport:
    """What the store holds, and where it does not agree with itself."""
    with closing(open_store(settings.store.url)) as store:
        return check_store(store)


def back_up(settings: Settings, file: Path) -> None:
    """Copy a SQLite store into a new file; raises ConfigProblem for other databases."""
    back_up_store(settings.store.url, file)
