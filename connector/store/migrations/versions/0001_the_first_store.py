"""The first store."""

from alembic import op
import sqlalchemy as sa


revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('backlog',
    sa.Column('table_name', sa.String(length=128), nullable=False),
    sa.Column('row_id', sa.String(length=36), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('next_try_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('table_name', 'row_id', name=op.f('pk_backlog'))
    )
    with op.batch_alter_table('backlog', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_backlog_since'), ['since'], unique=False)
        batch_op.create_index(batch_op.f('ix_backlog_table_name_next_try_at'), ['table_name', 'next_try_at'], unique=False)

    op.create_table('cycles',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('table_name', sa.String(length=128), nullable=False),
    sa.Column('origin', sa.String(length=16), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.Column('message', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cycles'))
    )
    with op.batch_alter_table('cycles', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_cycles_started_at'), ['started_at'], unique=False)

    op.create_table('decisions',
    sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('table_name', sa.String(length=128), nullable=False),
    sa.Column('row_id', sa.String(length=36), nullable=False),
    sa.Column('cycle_id', sa.String(length=36), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('plan_checksum', sa.String(length=64), nullable=False),
    sa.Column('rule_set_checksum', sa.String(length=64), nullable=False),
    sa.Column('segment', sa.String(length=200), nullable=True),
    sa.Column('rule', sa.String(length=200), nullable=True),
    sa.Column('segmentation_status', sa.Integer(), nullable=True),
    sa.Column('routing_status', sa.Integer(), nullable=True),
    sa.Column('sequence_status', sa.Integer(), nullable=True),
    sa.Column('before', sa.JSON(), nullable=False),
    sa.Column('after', sa.JSON(), nullable=False),
    sa.Column('trace', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('request_id', sa.String(length=64), nullable=True),
    sa.Column('message', sa.Text(), nullable=True),
    sa.Column('etag', sa.String(length=64), nullable=True),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_decisions'))
    )
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_decisions_cycle_id_number'), ['cycle_id', 'number'], unique=False)
        batch_op.create_index(batch_op.f('ix_decisions_decided_at'), ['decided_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_decisions_table_name_row_id_number'), ['table_name', 'row_id', 'number'], unique=False)

    op.create_table('documents',
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=False),
    sa.Column('saved_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('document', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'key', name=op.f('pk_documents'))
    )
    op.create_table('leases',
    sa.Column('name', sa.String(length=128), nullable=False),
    sa.Column('holder', sa.String(length=200), nullable=False),
    sa.Column('generation', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_leases'))
    )
    op.create_table('ledger_rows',
    sa.Column('table_name', sa.String(length=128), nullable=False),
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('etag', sa.String(length=64), nullable=True),
    sa.Column('owner_table', sa.String(length=32), nullable=True),
    sa.Column('owner_id', sa.String(length=36), nullable=True),
    sa.Column('owner_name', sa.String(length=400), nullable=True),
    sa.Column('is_open', sa.Boolean(), nullable=False),
    sa.Column('watched_set', sa.String(length=64), nullable=False),
    sa.Column('fingerprint', sa.Text(), nullable=False),
    sa.Column('created_on', sa.DateTime(timezone=True), nullable=True),
    sa.Column('segment', sa.String(length=200), nullable=True),
    sa.Column('segment_id', sa.String(length=36), nullable=True),
    sa.Column('sequence_id', sa.String(length=36), nullable=True),
    sa.Column('rule', sa.String(length=200), nullable=True),
    sa.Column('segmentation_status', sa.Integer(), nullable=True),
    sa.Column('routing_status', sa.Integer(), nullable=True),
    sa.Column('sequence_status', sa.Integer(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('is_manual', sa.Boolean(), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('table_name', 'id', name=op.f('pk_ledger_rows'))
    )
    with op.batch_alter_table('ledger_rows', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ledger_rows_table_name_generation'), ['table_name', 'generation'], unique=False)
        batch_op.create_index(batch_op.f('ix_ledger_rows_table_name_is_open_created_on_id'), ['table_name', 'is_open', 'created_on', 'id'], unique=False)

    op.create_table('open_rows',
    sa.Column('table_name', sa.String(length=128), nullable=False),
    sa.Column('owner_id', sa.String(length=36), nullable=False),
    sa.Column('rule', sa.String(length=200), nullable=False),
    sa.Column('rows', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('table_name', 'owner_id', 'rule', name=op.f('pk_open_rows'))
    )
    op.create_table('plans',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('table_name', sa.String(length=128), nullable=False),
    sa.Column('cycle_id', sa.String(length=36), nullable=False),
    sa.Column('origin', sa.String(length=16), nullable=False),
    sa.Column('checksum', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('document', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plans'))
    )
    with op.batch_alter_table('plans', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_plans_table_name_closed_at'), ['table_name', 'closed_at'], unique=False)

    op.create_table('quarantine',
    sa.Column('table_name', sa.String(length=128), nullable=False),
    sa.Column('row_id', sa.String(length=100), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('first_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('times', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('table_name', 'row_id', name=op.f('pk_quarantine'))
    )
    op.create_table('seller_clocks',
    sa.Column('seller_id', sa.String(length=36), nullable=False),
    sa.Column('last_assigned_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('assignment_order', sa.BigInteger(), nullable=False),
    sa.Column('by_rule', sa.JSON(), nullable=False),
    sa.Column('turns', sa.Integer(), nullable=False),
    sa.Column('joined_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('head_start', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('seller_id', name=op.f('pk_seller_clocks'))
    )
    op.create_table('watched_sets',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('columns', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_watched_sets'))
    )
    op.create_table('watermarks',
    sa.Column('table_name', sa.String(length=128), nullable=False),
    sa.Column('mode', sa.String(length=16), nullable=False),
    sa.Column('link', sa.Text(), nullable=True),
    sa.Column('watched_set', sa.String(length=64), nullable=False),
    sa.Column('columns_hash', sa.String(length=64), nullable=False),
    sa.Column('organization_id', sa.String(length=36), nullable=True),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('pages', sa.Integer(), nullable=False),
    sa.Column('rows_seen', sa.BigInteger(), nullable=False),
    sa.Column('baseline_done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('signpost', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('table_name', name=op.f('pk_watermarks'))
    )


def downgrade() -> None:
    op.drop_table('watermarks')
    op.drop_table('watched_sets')
    op.drop_table('seller_clocks')
    op.drop_table('quarantine')
    with op.batch_alter_table('plans', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_plans_table_name_closed_at'))

    op.drop_table('plans')
    op.drop_table('open_rows')
    with op.batch_alter_table('ledger_rows', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_ledger_rows_table_name_is_open_created_on_id'))
        batch_op.drop_index(batch_op.f('ix_ledger_rows_table_name_generation'))

    op.drop_table('ledger_rows')
    op.drop_table('leases')
    op.drop_table('documents')
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_decisions_table_name_row_id_number'))
        batch_op.drop_index(batch_op.f('ix_decisions_decided_at'))
        batch_op.drop_index(batch_op.f('ix_decisions_cycle_id_number'))

    op.drop_table('decisions')
    with op.batch_alter_table('cycles', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_cycles_started_at'))

    op.drop_table('cycles')
    with op.batch_alter_table('backlog', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_backlog_table_name_next_try_at'))
        batch_op.drop_index(batch_op.f('ix_backlog_since'))

    op.drop_table('backlog')
