"""Segments of waiting rows, idle cycles, rows that may be taken back, past rule sets.

Only adds: a worker of the version before may go on while this is done.
"""

from alembic import op
import sqlalchemy as sa


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('handovers',
    sa.Column('table_name', sa.String(length=128), nullable=False),
    sa.Column('row_id', sa.String(length=36), nullable=False),
    sa.Column('owner_id', sa.String(length=36), nullable=False),
    sa.Column('segment', sa.String(length=200), nullable=True),
    sa.Column('rule', sa.String(length=200), nullable=False),
    sa.Column('assigned_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('hops', sa.Integer(), nullable=False),
    sa.Column('had_by', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('table_name', 'row_id', name=op.f('pk_handovers'))
    )
    op.create_index(op.f('ix_handovers_table_name_due_at'), 'handovers', ['table_name', 'due_at'], unique=False)
    op.create_table('rule_sets',
    sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('checksum', sa.String(length=64), nullable=False),
    sa.Column('in_force_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('document', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_rule_sets'))
    )
    op.create_index(op.f('ix_rule_sets_checksum'), 'rule_sets', ['checksum'], unique=False)
    op.create_index(op.f('ix_rule_sets_in_force_since'), 'rule_sets', ['in_force_since'], unique=False)
    op.add_column('backlog', sa.Column('segment', sa.String(length=200), nullable=True))
    op.add_column('backlog', sa.Column('created_on', sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f('ix_backlog_table_name_segment_created_on_row_id'), 'backlog', ['table_name', 'segment', 'created_on', 'row_id'], unique=False)
    op.add_column('cycles', sa.Column('is_idle', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(op.f('ix_cycles_is_idle_started_at'), 'cycles', ['is_idle', 'started_at'], unique=False)
    op.create_index(op.f('ix_cycles_table_name_outcome'), 'cycles', ['table_name', 'outcome'], unique=False)
    for column in ('segment', 'created_on'):
        op.execute(
            f'UPDATE backlog SET {column} = (SELECT ledger_rows.{column} FROM ledger_rows '
            'WHERE ledger_rows.table_name = backlog.table_name AND ledger_rows.id = backlog.row_id)'
        )


def downgrade() -> None:
    op.drop_index(op.f('ix_cycles_table_name_outcome'), 'cycles')
    op.drop_index(op.f('ix_cycles_is_idle_started_at'), 'cycles')
    with op.batch_alter_table('cycles', schema=None) as batch_op:
        batch_op.drop_column('is_idle')

    op.drop_index(op.f('ix_backlog_table_name_segment_created_on_row_id'), 'backlog')
    with op.batch_alter_table('backlog', schema=None) as batch_op:
        batch_op.drop_column('created_on')
        batch_op.drop_column('segment')

    op.drop_table('rule_sets')
    op.drop_table('handovers')
