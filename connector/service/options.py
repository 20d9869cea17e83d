"""Settings turned into the options of cycle, client and hints."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.cycle.context import CycleOptions
from connector.dataverse.limits.governor import GovernorOptions
from connector.dataverse.reads.feed import FollowBy
from connector.dataverse.sign_in.more_users import read_more_users
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.wire.transport import TransportOptions
from connector.dataverse.wiring import ClientOptions
from connector.dataverse.writes.encoding import WriteMarks, build_bypass_headers
from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.hints.service_bus import BusOptions
from connector.hints.webhooks import HintOptions
from connector.watched_tables.watched_table import WriteColumns
from engine.errors import ConfigProblem
from engine.plans.safety import SafetyLimits
from settings.model import BypassLogic, SequenceMode, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What one invocation asks beyond the settings.

    `writes` = rows may be written: the lease is taken, and Microsoft's own rules must be off.
    `report` hears what was done, and how often; `show_message` what a person has to be told. With
    `rules_at` the rule set of then is taken from the store instead of the rules file.
    """

    writes: bool = True
    is_forced: bool = False
    rules_at: datetime | None = None
    report: Callable[[str, int], None] = lambda _what, _count: None
    show_message: Callable[[str], None] | None = None

    def reporting(self, report: Callable[[str, int], None]) -> "RunOptions":
        """The same, heard by `report`."""
        return replace(self, report=report)


def build_hint_options(settings: Settings) -> HintOptions | None:
    """Where to listen for webhooks, None when it is off; raises ConfigProblem without a secret."""
    hints = settings.hints
    if hints.port is None:
        return None
    secret = hints.secret.get_secret_value() if hints.secret else ""
    if not secret:
        raise ConfigProblem(
            "webhooks need a secret: set LEADROBIN_HINTS__SECRET or LEADROBIN_HINTS__SECRET_FILE"
        )
    return HintOptions(
        secret=secret,
        host=hints.host,
        port=hints.port,
        header=hints.header,
        debounce=timedelta(seconds=hints.debounce_seconds),
    )


def build_bus_options(settings: Settings) -> BusOptions | None:
    """Which queue to read hints from, None when none is; raises ConfigProblem for half of it."""
    hints = settings.hints
    secret = hints.service_bus_connection
    connection = secret.get_secret_value() if secret else ""
    if not connection and not hints.service_bus_queue:
        return None
    if not connection or not hints.service_bus_queue:
        raise ConfigProblem(
            "hints from a Service Bus queue need both LEADROBIN_HINTS__SERVICE_BUS_CONNECTION "
            "(or __SERVICE_BUS_CONNECTION_FILE) and LEADROBIN_HINTS__SERVICE_BUS_QUEUE"
        )
    return BusOptions(
        connection=connection,
        queue=hints.service_bus_queue,
        debounce=timedelta(seconds=hints.debounce_seconds),
    )


def build_cycle_options(settings: Settings, run_options: RunOptions) -> CycleOptions:
    safety, days = settings.safety, settings.store.keep_history_days
    return CycleOptions(
        limits=SafetyLimits(
            max_owner_change_share=safety.max_owner_change_share,
            max_seller_change_share=safety.max_seller_change_share,
            min_rows=safety.min_rows,
            max_changes=safety.max_changes,
        ),
        is_forced=run_options.is_forced,
        routes_manual_rows=settings.write.reroute_manual,
        keeps_traces=settings.store.keep_traces,
        few_writes=settings.write.batch_above,
        splits_owner=settings.write.split_owner_write,
        keeps_history=None if days is None else timedelta(days=days),
        reconcile_interval=timedelta(seconds=settings.poll.reconcile_interval_seconds),
    )


def build_write_columns(settings: Settings) -> WriteColumns:
    mode = settings.write.sequence_mode
    return WriteColumns(
        segment=settings.write.segment_column or None,
        sequence=settings.write.sequence_column if mode is SequenceMode.COLUMN else None,
        by_action=mode is SequenceMode.ACTION,
    )


def build_client_options(settings: Settings) -> ClientOptions:
    """Everything the client is built from; raises ConfigProblem for a file that cannot be used."""
    dataverse, governor = settings.dataverse, settings.governor
    concurrency = settings.write.concurrency
    return ClientOptions(
        url=dataverse.url or "",
        sign_in=_sign_in_options(settings),
        more_users=read_more_users(settings.auth.more_users_file, _sign_in_options(settings)),
        transport=TransportOptions(
            connections=concurrency + 4,
            connect_timeout=dataverse.connect_timeout_seconds,
            read_timeout=dataverse.read_timeout_seconds,
            api_version=dataverse.api_version,
            impersonate_user_id=dataverse.impersonate_user_id,
            ca_file=str(dataverse.ca_file) if dataverse.ca_file else None,
            proxy=dataverse.proxy,
        ),
        governor=GovernorOptions(
            requests=governor.requests,
            execution_seconds=governor.execution_seconds,
            max_concurrency=governor.concurrency,
            share=1 - governor.headroom,
            window_seconds=governor.window_seconds,
            is_pacing=governor.enabled,
            daily_limit=governor.daily_requests,
            stop_at_daily_limit=governor.daily_requests is not None,
        ),
        marks=_write_marks(settings),
        follow_by=FollowBy(settings.poll.follow_by),
        overlap=timedelta(seconds=settings.poll.overlap_seconds),
        writes=WriteOptions(
            way=WriteWay(settings.write.way),
            concurrency=concurrency,
            batch_size=settings.write.batch_size,
            few=settings.write.batch_above,
        ),
    )


_BYPASSED = {
    BypassLogic.NONE: (),
    BypassLogic.SYNC: ("CustomSync",),
    BypassLogic.ASYNC: ("CustomAsync",),
    BypassLogic.BOTH: ("CustomSync", "CustomAsync"),
}


def _write_marks(settings: Settings) -> WriteMarks:
    write = settings.write
    headers = build_bypass_headers(
        bypass=_BYPASSED[write.bypass_logic],
        step_ids=write.bypass_steps,
        suppress_flows=write.suppress_flows,
    )
    return WriteMarks(headers=headers, rules=frozenset(write.bypass_rules))


def _sign_in_options(settings: Settings) -> SignInOptions:
    auth = settings.auth
    return SignInOptions(
        mode=auth.mode,
        tenant_id=auth.tenant_id,
        client_id=auth.client_id,
        client_secret=auth.client_secret.get_secret_value() if auth.client_secret else None,
        authority=auth.authority,
        certificate_path=auth.certificate_file,
        certificate_password=(
            auth.certificate_password.get_secret_value() if auth.certificate_password else None
        ),
        token=auth.static_token.get_secret_value() if auth.static_token else None,
        token_cache_path=auth.token_cache_file,
    )
