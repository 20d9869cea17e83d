"""What kind of decision each is, and what it went back on: until now keys of what it led to.

Only adds: a worker of the version before may go on while this is done. What it writes has no kind
and is read by those keys, which stay where they are; so are assignments, which are nearly all of
the history: those rows are not touched.
"""

from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

SQLITE = """
    UPDATE decisions SET
        kind = CASE
            WHEN outcome = 'manual' THEN 'manual'
            WHEN json_type(after, '$.undone') IS NOT NULL THEN 'undone'
            ELSE 'taken_back'
        END,
        previous = CASE WHEN outcome <> 'manual' THEN json_object(
            'owner', json_extract(after, '$.taken_from'),
            'was_decided', json(CASE json_extract(after, '$.was_decided') WHEN 0 THEN 'false' ELSE 'true' END),
            'was_manual', json(CASE json_extract(after, '$.was_manual') WHEN 1 THEN 'true' ELSE 'false' END)
        ) END
    WHERE outcome = 'manual'
        OR json_type(after, '$.taken_from') IS NOT NULL
        OR json_type(after, '$.undone') IS NOT NULL
"""

POSTGRESQL = """
    UPDATE decisions SET
        kind = CASE
            WHEN outcome = 'manual' THEN 'manual'
            WHEN (after -> 'undone') IS NOT NULL THEN 'undone'
            ELSE 'taken_back'
        END,
        previous = CASE WHEN outcome <> 'manual' THEN json_build_object(
            'owner', after -> 'taken_from',
            'was_decided', coalesce(after -> 'was_decided', 'true'),
            'was_manual', coalesce(after -> 'was_manual', 'false')
        ) END
    WHERE outcome = 'manual'
        OR (after -> 'taken_from') IS NOT NULL
        OR (after -> 'undone') IS NOT NULL
"""


def upgrade() -> None:
    op.add_column('decisions', sa.Column('kind', sa.String(length=16), nullable=True))
    op.add_column('decisions', sa.Column('previous', sa.JSON(), nullable=True))
    is_sqlite = op.get_bind().dialect.name == 'sqlite'
    op.execute(SQLITE if is_sqlite else POSTGRESQL)


def downgrade() -> None:
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.drop_column('previous')
        batch_op.drop_column('kind')
