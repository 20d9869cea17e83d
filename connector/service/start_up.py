"""What is done once at the start: limits and definitions restored, names and rights checked."""

import threading
from dataclasses import dataclass
from datetime import timedelta

from connector.cycle.context import CycleParts
from connector.dataverse.client import DataverseClient
from connector.dataverse.reads.modified_on import is_position
from connector.environment.directory import DirectoryReader, RememberedDirectory
from connector.environment.hierarchies import fetch_hierarchies
from connector.environment.link_expiry import note_link_life
from connector.environment.microsoft_rules import raise_if_rules_active
from connector.environment.table_definitions import build_tables, choose_tables, describe_tables
from connector.service.application import Application
from connector.service.leases import (
    TableLeases,
)
from connector.service.options import RunOptions, build_cycle_options, build_write_columns
from connector.service.system import FIRST_ANSWER, SystemClock, new_id
from connector.store.opening import SqlStore
from connector.watched_tables.segment_ids import identify_segments
from engine.assignment.decider import Decider
from engine.rules.rule_set import RuleSet
from engine.schema import TableSchema
from settings.model import Settings

GOVERNOR = "governor"
METADATA = "metadata"


@dataclass(frozen=True, kw_only=True)
class StartUp:
    """The parts at hand while an application is put together."""

    settings: Settings
    rule_set: RuleSet
    client: DataverseClient
    store: SqlStore

    def finish(
        self, stop: threading.Event, run_options: RunOptions, leases: TableLeases
    ) -> Application:
        settings, rule_set, client = self.settings, self.rule_set, self.client
        client.start_cycle(FIRST_ANSWER)
        we = client.who_am_i()
        client.start_cycle()
        if run_options.writes and not settings.write.coexist:
            raise_if_rules_active(client, self._describe)
        names = choose_tables(rule_set, settings.poll.tables)
        schema = describe_tables(rule_set, names, self._describe)
        tables = build_tables(
            rule_set,
            names,
            schema,
            page_size=settings.poll.page_size,
            writes=build_write_columns(settings),
        )
        note_link_life(
            client.fetch_token_life_days(),
            tables,
            self.store,
            SystemClock().now(),
            follows_by_date=is_position,
        )
        people = DirectoryReader(client, self._describe, rule_set, schema=schema)
        directory = RememberedDirectory(
            people.fetch_directory,
            SystemClock(),
            life=timedelta(seconds=settings.poll.directory_interval_seconds),
        )
        hierarchies = fetch_hierarchies(rule_set, schema, client)
        engine_rules = identify_segments(rule_set)
        # Built once here, so that people whom the rules name and nobody knows stop the start.
        Decider(engine_rules, directory(), schema=schema, hierarchies=hierarchies)
        parts = CycleParts(
            source=client,
            writer=client,
            store=self.store,
            clock=SystemClock(),
            new_id=new_id,
            rule_set=rule_set,
            directory=directory,
            make_decider=lambda sellers: Decider(
                engine_rules, sellers, schema=schema, hierarchies=hierarchies
            ),
            page_lock=threading.Lock(),
            organization_id=we.organization_id,
            user_id=we.user_id.lower(),
            connector=client,
            options=build_cycle_options(settings, run_options),
            is_stopping=stop.is_set,
            report=run_options.report,
        )
        return Application(
            parts=parts,
            tables=tables,
            stop=stop,
            start_cycle=client.start_cycle,
            leases=leases,
            forget_people=directory.forget,
        )

    def _describe(self, logical_name: str) -> TableSchema:
        return self.client.describe_table(logical_name).to_schema()


def restore_governor(store: SqlStore, client: DataverseClient) -> None:
    with store.begin() as session:
        saved = session.load_document(GOVERNOR, client.url)
    if saved is not None:
        client.restore_governor(saved)


def save_governor(store: SqlStore, client: DataverseClient) -> None:
    with store.begin() as session:
        session.save_document(
            GOVERNOR, client.url, document=client.save_governor(), at=SystemClock().now()
        )


def restore_metadata(store: SqlStore, client: DataverseClient) -> None:
    with store.begin() as session:
        client.restore_metadata(session.load_document(METADATA, client.url))


def save_metadata(store: SqlStore, client: DataverseClient) -> None:
    found = client.save_metadata()
    if found is not None:
        with store.begin() as session:
            session.save_document(METADATA, client.url, document=found, at=SystemClock().now())
