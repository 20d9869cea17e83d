"""Puts a client together from plain fields; where they come from is up to the caller."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import requests

from connector.dataverse.channel import Channel
from connector.dataverse.client import DataverseClient, Parts
from connector.dataverse.definitions.reader import MetadataReader
from connector.dataverse.definitions.source import DefinitionSource
from connector.dataverse.limits.application_users import ApplicationUser, ApplicationUsers
from connector.dataverse.limits.governor import Governor, GovernorOptions
from connector.dataverse.reads.change_tracking import ChangeFeed
from connector.dataverse.reads.feed import FollowBy, TableFeed
from connector.dataverse.reads.modified_on import OVERLAP, ModifiedOnFeed
from connector.dataverse.reads.rows import DEFAULT_ANNOTATIONS, RowReader
from connector.dataverse.sign_in.certificates import (
    SigningCertificate,
    load_certificate,
    raise_if_no_certificates,
)
from connector.dataverse.sign_in.clouds import choose_authority_host, is_dynamics_host
from connector.dataverse.sign_in.discovery import discover_authority
from connector.dataverse.sign_in.entra import (
    AppRegistration,
    ConfidentialSignIn,
    DeviceCodeSignIn,
    ManagedIdentitySignIn,
)
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.sign_in.session import build_sign_in_session
from connector.dataverse.sign_in.tokens import StaticToken, TokenCache, TokenSource
from connector.dataverse.wire import odata
from connector.dataverse.wire.errors import SignInProblem, UnusableRequest
from connector.dataverse.wire.metrics import NoMetrics, WireMetrics
from connector.dataverse.wire.retrying import Retrier, RetryPolicy, TimeBudget
from connector.dataverse.wire.transport import Transport, TransportOptions, build_session
from connector.dataverse.writes.actions import DataverseActions
from connector.dataverse.writes.bulk import BulkSender
from connector.dataverse.writes.encoding import WriteEncoder, WriteMarks
from connector.dataverse.writes.outcomes import OutcomeReader
from connector.dataverse.writes.sender import RowSender, WriteOptions
from connector.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Everything a client is built from, without secrets in its text.

    `more_users` are further application users, each with the limits of `governor` for itself.
    """

    url: str
    sign_in: SignInOptions
    transport: TransportOptions = field(default_factory=TransportOptions)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    governor: GovernorOptions = field(default_factory=GovernorOptions)
    writes: WriteOptions = field(default_factory=WriteOptions)
    marks: WriteMarks = field(default_factory=WriteMarks)
    annotations: Sequence[str] = DEFAULT_ANNOTATIONS
    more_users: Sequence[SignInOptions] = ()
    follow_by: FollowBy = FollowBy.AUTO
    overlap: timedelta = OVERLAP


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDependencies:
    """What a client may not make itself: time, waits, randomness, ids, and a way to talk to a
    person.

    `sleep` takes seconds and may raise to cancel; `random` gives [0, 1). `is_stopping` is asked
    before each request that writes rows. A `token_source` signs in instead of what the options
    name.
    """

    clock: Clock
    sleep: Callable[[float], None]
    random: Callable[[], float]
    new_id: Callable[[], str]
    metrics: WireMetrics = field(default_factory=NoMetrics)
    show_message: Callable[[str], None] | None = None
    is_stopping: Callable[[], bool] = lambda: False
    open_session: Callable[[TransportOptions], requests.Session] = build_session
    token_source: TokenSource | None = None


def build_client(options: ClientOptions, dependencies: ClientDependencies) -> DataverseClient:
    """A client for one environment and credential; talks to nobody yet, raises ConfigProblem."""
    root = odata.parse_environment_url(options.url)
    _raise_if_exposed(root, options.sign_in.mode)
    raise_if_no_certificates(options.transport.ca_file)
    budget = TimeBudget(options.retry.budget, dependencies.clock)
    channel = _build_channel(root, options, dependencies, budget)
    definitions = DefinitionSource(channel, dependencies.clock)
    metadata = MetadataReader(definitions)
    reader = RowReader(channel, metadata, annotations=options.annotations)
    actions = DataverseActions(channel, metadata, reader, tag=options.marks.tag)
    encoder = WriteEncoder(channel.api, metadata, options.marks)
    bulk = BulkSender(
        channel,
        encoder,
        outcomes=OutcomeReader(reader),
        clock=dependencies.clock,
        new_id=dependencies.new_id,
    )
    sender = RowSender(
        channel, encoder, bulk=bulk, actions=actions, reader=reader, metadata=metadata
    )
    return DataverseClient(
        Parts(
            channel=channel,
            budget=budget,
            definitions=definitions,
            metadata=metadata,
            reader=reader,
            feed=TableFeed(
                ChangeFeed(channel, metadata, reader, annotations=options.annotations),
                ModifiedOnFeed(
                    channel,
                    metadata,
                    dependencies.clock,
                    annotations=tuple(options.annotations),
                    overlap=options.overlap,
                ),
                metadata,
                follow_by=options.follow_by,
            ),
            sender=sender,
            actions=actions,
            write_options=options.writes,
            is_stopping=dependencies.is_stopping,
        )
    )


def _raise_if_exposed(root: str, mode: str) -> None:
    """A token that is worth something does not travel in clear text."""
    parts = urlsplit(root)
    if parts.scheme == "https" or mode == "static_token" or _is_this_machine(parts.hostname or ""):
        return
    raise UnusableRequest(
        f"{root} would get the sign-in's token in clear text: write LEADROBIN_DATAVERSE__URL with "
        "https://"
    )


def _is_this_machine(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _build_channel(
    root: str, options: ClientOptions, dependencies: ClientDependencies, budget: TimeBudget
) -> Channel:
    clock, metrics = dependencies.clock, dependencies.metrics
    wire = options.transport
    retrier = Retrier(
        options.retry,
        budget,
        sleep=dependencies.sleep,
        random=dependencies.random,
        metrics=metrics,
    )
    transport = Transport(
        root, dependencies.open_session(wire), options=wire, clock=clock, new_id=dependencies.new_id
    )
    users = [
        _build_user(root, replace(options, sign_in=sign_in), dependencies, budget)
        for sign_in in (options.sign_in, *options.more_users)
    ]
    return Channel(
        transport,
        ApplicationUsers(users),
        retrier=retrier,
        clock=clock,
        metrics=metrics,
    )


def _build_user(
    root: str, options: ClientOptions, dependencies: ClientDependencies, budget: TimeBudget
) -> ApplicationUser:
    session = build_sign_in_session(
        dependencies.open_session(options.transport), dependencies.clock
    )
    source = dependencies.token_source or _build_token_source(root, options, dependencies, session)
    governor = Governor(
        options.governor,
        budget,
        clock=dependencies.clock,
        sleep=dependencies.sleep,
        metrics=dependencies.metrics,
    )
    return ApplicationUser(TokenCache(source, dependencies.clock, on_close=session.close), governor)


def _build_token_source(
    root: str, options: ClientOptions, dependencies: ClientDependencies, session: requests.Session
) -> TokenSource:
    """The way of signing in that the settings name; raises SignInProblem for what is missing."""
    sign_in, clock = options.sign_in, dependencies.clock
    if sign_in.mode == "static_token":
        return StaticToken(_require(sign_in.token, "STATIC_TOKEN"), clock)
    if sign_in.mode == "managed_identity":
        return ManagedIdentitySignIn(sign_in.client_id, resource=root, session=session, clock=clock)
    registration = AppRegistration(
        client_id=_require(sign_in.client_id, "CLIENT_ID"),
        scope=f"{root}/{'user_impersonation' if sign_in.mode == 'device_code' else '.default'}",
        authority=_build_authority(root, sign_in, session),
        session=session,
        clock=clock,
    )
    if sign_in.mode == "device_code":
        if dependencies.show_message is None:
            raise SignInProblem("signing in by device code needs a person at a terminal")
        return DeviceCodeSignIn(
            dependencies.show_message, registration, cache_path=sign_in.token_cache_path
        )
    return ConfidentialSignIn(_load_credential(sign_in), registration)


def _load_credential(sign_in: SignInOptions) -> str | SigningCertificate:
    if sign_in.mode != "certificate":
        return _require(sign_in.client_secret, "CLIENT_SECRET")
    return load_certificate(
        Path(_require(sign_in.certificate_path, "CERTIFICATE_FILE")),
        password=sign_in.certificate_password,
        key_path=sign_in.certificate_key_path,
    )


def _build_authority(
    root: str, sign_in: SignInOptions, session: requests.Session
) -> Callable[[], str]:
    """The authority from the settings, else from the cloud and the tenant id, else from the 401."""

    def find() -> str:
        if sign_in.authority and urlsplit(sign_in.authority).path.strip("/"):
            return sign_in.authority.rstrip("/")
        if sign_in.authority or (sign_in.tenant_id and is_dynamics_host(root)):
            host = (sign_in.authority or choose_authority_host(root)).rstrip("/")
            return f"{host}/{_require(sign_in.tenant_id, 'TENANT_ID')}"
        return discover_authority(root, session)

    return find


def _require(value: "str | Path | None", name: str) -> str:
    if value is None or not str(value):
        raise SignInProblem(f"LEADROBIN_AUTH__{name} is missing: this way of signing in needs it")
    return str(value)
