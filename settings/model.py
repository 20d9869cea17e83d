"""The settings as one frozen tree of typed groups; where the values come from is in `sources`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override


def _split_names(raw: object) -> object:
    """Read `lead, opportunity` as two names: lists in variables are comma-separated."""
    if not isinstance(raw, str):
        return raw
    return tuple(name for name in (part.strip() for part in raw.split(",")) if name)


Names = Annotated[tuple[str, ...], BeforeValidator(_split_names)]


def _read_way_of_following(raw: object) -> object:
    """Following by `modifiedon` was called `watermark` once; who still says so is understood."""
    return "modified_on" if raw == "watermark" else raw


SignIn = Literal["client_secret", "certificate", "managed_identity", "device_code", "static_token"]
WriteWay = Literal["auto", "parallel", "batch", "multiple"]
FollowBy = Annotated[
    Literal["auto", "tracking", "modified_on"], BeforeValidator(_read_way_of_following)
]


class SequenceMode(StrEnum):
    """How a sequence is connected: by a lookup column, by msdyn_ConnectSequence, or not at all."""

    COLUMN = "column"
    ACTION = "action"
    OFF = "off"


class BypassLogic(StrEnum):
    """Which custom logic of the tenant is passed by."""

    NONE = "none"
    SYNC = "sync"
    ASYNC = "async"
    BOTH = "both"


class LogLevel(StrEnum):
    """The least severe message that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """`auto` is text on a terminal and JSON lines elsewhere."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


class Group(BaseModel):
    """A group of settings; nothing undeclared gets in."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class DataverseSettings(Group):
    """Where the environment is and how requests reach it."""

    url: str | None = Field(
        default=None, description="environment URL, such as https://contoso.crm4.dynamics.com"
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the certificate authority to trust instead of the public ones",
    )
    api_version: str = Field(
        default="v9.2", pattern=r"^v\d+\.\d+$", description="version of the Web API"
    )
    connect_timeout_seconds: float = Field(
        default=10, gt=0, le=300, description="longest wait for a connection"
    )
    read_timeout_seconds: float = Field(
        default=120, gt=0, le=3600, description="longest wait for an answer"
    )
    proxy: str | None = Field(
        default=None,
        repr=False,
        description="proxy URL for every request; no proxy variable is obeyed otherwise",
    )
    impersonate_user_id: str | None = Field(
        default=None, description="system user on whose behalf requests are made"
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            raise ValueError("must start with https://")
        return value.rstrip("/") if value else None


class AuthSettings(Group):
    """Who signs in, and with what."""

    mode: SignIn = Field(
        default="client_secret",
        description="client_secret, certificate, managed_identity, device_code or static_token",
    )
    tenant_id: str | None = Field(default=None, description="Entra directory (tenant) id or domain")
    client_id: str | None = Field(
        default=None,
        description="application (client) id; for managed_identity a user-assigned one",
    )
    client_secret: SecretStr | None = Field(default=None, description="client secret")
    client_secret_file: Path | None = Field(
        default=None, description="file that holds the client secret"
    )
    certificate_file: Path | None = Field(
        default=None, description="PEM or PFX file with certificate and private key"
    )
    certificate_password: SecretStr | None = Field(
        default=None, description="password of the certificate's private key"
    )
    certificate_password_file: Path | None = Field(
        default=None, description="file that holds that password"
    )
    more_users_file: Path | None = Field(
        default=None,
        description="JSON file with further application users, a list of objects with client_id "
        "and client_secret; each has its own service protection limits",
    )
    static_token: SecretStr | None = Field(
        default=None, description="bearer token to send as it is"
    )
    static_token_file: Path | None = Field(
        default=None, description="file that holds the bearer token"
    )
    authority: str | None = Field(
        default=None, description="authority URL with the tenant; default is the public cloud's"
    )
    token_cache_file: Path | None = Field(
        default=None, description="file that keeps device-code sign-ins between runs"
    )


class StoreSettings(Group):
    """Where the state is kept."""

    url: str = Field(
        default="sqlite:///leadrobin.db",
        repr=False,
        description="database URL, sqlite:///… or postgresql+psycopg://…",
    )
    url_file: Path | None = Field(default=None, description="file that holds the database URL")
    lease_seconds: int = Field(
        default=120,
        ge=5,
        le=3600,
        description="after how long without a sign of life the lease may be taken over",
    )
    keep_traces: bool = Field(
        default=True, description="keep with each decision everything that was tried"
    )
    keep_history_days: int | None = Field(
        default=None,
        ge=1,
        description="how long decisions, cycles and written plans are kept; default is for ever",
    )


class RulesSettings(Group):
    """Which rules apply."""

    file: Path | None = Field(default=None, description="rules file, YAML or JSON")


class PollSettings(Group):
    """How often and how much is read."""

    interval_seconds: int = Field(
        default=60, ge=1, le=86_400, description="pause between two cycles of a table"
    )
    tables: Names = Field(
        default=(), description="comma-separated tables to watch; default is those the rules name"
    )
    page_size: int = Field(default=5000, ge=1, le=5000, description="rows to a page")
    follow_by: FollowBy = Field(
        default="auto",
        description="how changes are found: auto (change tracking where it is on and allowed, "
        "modifiedon elsewhere), tracking or modified_on",
    )
    overlap_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="how far each pass by modifiedon reaches back, for late commits",
    )
    reconcile_interval_seconds: int = Field(
        default=86_400,
        ge=60,
        description="how often tables followed by modifiedon are compared for deletions",
    )
    directory_interval_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="how long the sellers, teams and queues read are good for",
    )


class WriteSettings(Group):
    """How decisions are written."""

    sequence_mode: SequenceMode = Field(
        default=SequenceMode.COLUMN, description="column, action (msdyn_ConnectSequence) or off"
    )
    sequence_column: str = Field(
        default="lrobin_sequenceid", description="lookup column that names the connected sequence"
    )
    segment_column: str = Field(
        default="msdyn_segmentid", description="lookup column that names the segment"
    )
    split_owner_write: bool = Field(
        default=False, description="write the owner in a request of its own"
    )
    coexist: bool = Field(
        default=False, description="write although Microsoft's own assignment rules are active"
    )
    reroute_manual: bool = Field(
        default=False, description="decide rows again whose owner a person chose"
    )
    concurrency: int = Field(default=4, ge=1, le=52, description="writes in flight at once")
    way: WriteWay = Field(
        default="auto",
        description="auto (single requests in parallel up to batch_above rows, $batch beyond "
        "or when the request budget runs short), "
        "parallel, batch or multiple (UpdateMultiple, where no row version is needed)",
    )
    batch_above: int = Field(
        default=100, ge=0, description="with auto: how many rows at once still go one by one"
    )
    batch_size: int = Field(default=100, ge=1, le=1000, description="most writes in one $batch")
    bypass_logic: BypassLogic = Field(
        default=BypassLogic.NONE,
        description="custom logic our writes pass by: none, sync, async or both; "
        "needs prvBypassCustomBusinessLogic",
    )
    bypass_steps: Names = Field(
        default=(), description="ids of single plug-in steps our writes pass by"
    )
    suppress_flows: bool = Field(
        default=False, description="keep our writes from starting Power Automate flows"
    )
    bypass_rules: Names = Field(
        default=(), description="rules whose writes pass logic and flows by; default is all"
    )
    backfill_rows_per_minute: int | None = Field(
        default=None, ge=1, description="how many rows a backfill writes a minute; default is all"
    )


class SafetySettings(Group):
    """When a plan is refused."""

    max_owner_change_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="largest share of already owned rows a cycle may give to somebody else",
    )
    max_seller_change_share: float = Field(
        default=1,
        ge=0,
        le=1,
        description="largest share of one seller's rows a cycle may give to somebody else",
    )
    min_rows: int = Field(
        default=20, ge=0, description="below this many owned rows a share is not looked at"
    )
    max_changes: int | None = Field(
        default=None, ge=1, description="most rows a cycle may change; default is no limit"
    )


class GovernorSettings(Group):
    """The service protection limits to stay below, per user and web server."""

    enabled: bool = Field(default=True, description="pace requests before the service refuses them")
    requests: int = Field(default=6000, ge=1, description="requests in the window")
    execution_seconds: float = Field(default=1200, gt=0, description="execution time in the window")
    window_seconds: int = Field(default=300, ge=1, description="length of the sliding window")
    concurrency: int = Field(default=52, ge=1, description="requests in flight at once")
    headroom: float = Field(
        default=0.05, ge=0, lt=1, description="share of each limit that is left to others"
    )
    daily_requests: int | None = Field(
        default=None, ge=1, description="requests a day; default is no limit"
    )


class HintSettings(Group):
    """What brings a table's next cycle forward: webhooks (off without a port), or messages of a
    Service Bus queue (off without one).
    """

    port: int | None = Field(
        default=None, ge=0, le=65_535, description="port to take webhooks at; default is none"
    )
    host: str = Field(
        default="127.0.0.1", description="address to listen on; put a TLS proxy before it"
    )
    header: str = Field(
        default="x-leadrobin-secret", description="header that carries the secret (or ?code=)"
    )
    secret: SecretStr | None = Field(default=None, description="secret every webhook must carry")
    secret_file: Path | None = Field(default=None, description="file that holds the secret")
    service_bus_connection: SecretStr | None = Field(
        default=None, description="connection string that may listen to the queue"
    )
    service_bus_connection_file: Path | None = Field(
        default=None, description="file that holds the connection string"
    )
    service_bus_queue: str | None = Field(
        default=None, description="Service Bus queue that Dataverse posts to; default is none"
    )
    debounce_seconds: float = Field(
        default=0.5, ge=0, le=60, description="how long hints are gathered before a table is read"
    )


class LogSettings(Group):
    """What is logged and how."""

    level: LogLevel = Field(default=LogLevel.INFO, description="debug, info, warning or error")
    format: LogFormat = Field(default=LogFormat.AUTO, description="auto, json or text")


class Settings(BaseSettings):
    """Everything that can be set; a value, passed on in parts."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="LEADROBIN_", env_nested_delimiter="__"
    )

    dataverse: DataverseSettings = DataverseSettings()
    auth: AuthSettings = AuthSettings()
    store: StoreSettings = StoreSettings()
    rules: RulesSettings = RulesSettings()
    poll: PollSettings = PollSettings()
    write: WriteSettings = WriteSettings()
    safety: SafetySettings = SafetySettings()
    governor: GovernorSettings = GovernorSettings()
    hints: HintSettings = HintSettings()
    log: LogSettings = LogSettings()

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is given: the library's own sources drop unknown names without a word."""
        return (init_settings,)
