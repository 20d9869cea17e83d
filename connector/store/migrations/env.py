"""Alembic's entry point: runs revisions on the connection it is handed; it never opens one."""

from alembic import context
from sqlalchemy import Connection

from connector.store.tables import metadata


def _run() -> None:
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
