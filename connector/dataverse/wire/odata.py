"""Builds Web API URLs and headers as pure functions; nothing here talks to a server."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, urlsplit, urlunsplit

from connector.errors import FatalError
from connector.ports import Comparison
from engine.errors import ConfigProblem
from engine.schema import EntitySetName

MAX_URL_LENGTH = 32_000
"""Dataverse takes 32,768 characters; the rest is left for headers that gateways count along."""
MAX_IDS_PER_QUERY = 400
MAX_EXPANDS = 15

LOOKUP_TABLE = "Microsoft.Dynamics.CRM.lookuplogicalname"
FORMATTED = "OData.Community.Display.V1.FormattedValue"
METADATA_VERSION = "Microsoft.Dynamics.CRM.globalmetadataversion"

_SAFE = "$,()/:@'!*~=;"


def parse_environment_url(url: str) -> str:
    """Scheme and host of an environment URL; raises ConfigProblem when it is not one."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigProblem(
            f'the environment URL "{url}" is not a web address: write it like '
            "https://contoso.crm4.dynamics.com"
        )
    if parts.username or parts.password:
        raise ConfigProblem("the environment URL must not carry a user name or password")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def build_api_url(root: str, version: str = "v9.2") -> str:
    """The address every Web API resource is relative to; it ends with a slash."""
    return f"{root}/api/data/{version}/"


def quote_value(text: str) -> str:
    """Percent-encode the value of one query option."""
    return quote(text, safe=_SAFE)


def build_query(options: Mapping[str, str]) -> str:
    """Join query options in the order given, each value encoded once."""
    return "&".join(f"{name}={quote_value(value)}" for name, value in options.items() if value)


def build_collection_url(
    api: str,
    entity_set: EntitySetName,
    *,
    select: Sequence[str] = (),
    filter: str | None = None,  # noqa: A002  the OData word
    expand: str | None = None,
    order_by: str | None = None,
) -> str:
    """The URL of a query against an entity set."""
    options = {
        "$select": ",".join(select),
        "$expand": expand or "",
        "$filter": filter or "",
        "$orderby": order_by or "",
    }
    query = build_query(options)
    return f"{api}{entity_set}" + (f"?{query}" if query else "")


def build_row_url(
    api: str, entity_set: EntitySetName, row_id: str, *, select: Sequence[str] = ()
) -> str:
    """The URL of one row."""
    url = f"{api}{entity_set}({row_id})"
    return f"{url}?{build_query({'$select': ','.join(select)})}" if select else url


def build_filter(comparisons: Sequence[Comparison]) -> str:
    """The `$filter` of rows that satisfy all comparisons; "" for none."""
    return " and ".join(
        f"{each.column} {each.operator} {_spell(each.column, each.value)}" for each in comparisons
    )


def _spell(column: str, value: str | int | bool | None) -> str:
    """A literal; the id that a lookup column holds stands without quotation marks."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return value if _is_lookup(column) else "'" + value.replace("'", "''") + "'"


def _is_lookup(column: str) -> bool:
    return column.startswith("_") and column.endswith("_value")


def build_in_filter(column: str, ids: Iterable[str]) -> str:
    """The filter that keeps rows whose `column` is one of `ids`.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/in
    """
    values = ",".join(f'"{row_id}"' for row_id in ids)
    return f"Microsoft.Dynamics.CRM.In(PropertyName='{column}',PropertyValues=[{values}])"


def build_expand(expand: Mapping[str, Sequence[str]]) -> str:
    """The `$expand` text of navigation paths; `a/b` is b expanded below a."""
    below: dict[str, dict[str, Sequence[str]]] = {}
    for path, columns in expand.items():
        head, _, tail = path.partition("/")
        node = below.setdefault(head, {})
        node[tail] = columns
    return ",".join(_expand_item(name, node) for name, node in below.items())


def _expand_item(name: str, node: Mapping[str, Sequence[str]]) -> str:
    nested = {path: columns for path, columns in node.items() if path}
    options: list[str] = []
    if node.get(""):
        options.append("$select=" + ",".join(node[""]))
    if nested:
        options.append("$expand=" + build_expand(nested))
    return f"{name}({';'.join(options)})" if options else name


def count_expands(expand: Mapping[str, Sequence[str]]) -> int:
    """How many of the allowed expansions these paths use up, implied parents included."""
    paths = {
        "/".join(parts[: depth + 1])
        for parts in (path.split("/") for path in expand)
        for depth in range(len(parts))
    }
    return len(paths)


def split_expand(expand: Mapping[str, Sequence[str]]) -> list[dict[str, Sequence[str]]]:
    """Group paths so that no query expands more than Dataverse allows; one group when it fits."""
    by_head: dict[str, dict[str, Sequence[str]]] = {}
    for path, columns in expand.items():
        by_head.setdefault(path.partition("/")[0], {})[path] = columns
    groups: list[dict[str, Sequence[str]]] = [{}]
    for paths in by_head.values():
        if groups[-1] and count_expands({**groups[-1], **paths}) > MAX_EXPANDS:
            groups.append({})
        groups[-1].update(paths)
    return groups


def build_prefer(*, page_size: int | None, annotations: Sequence[str], track: bool = False) -> str:
    """The `Prefer` header of a read; it must be sent again with every page."""
    preferences: list[str] = []
    if track:
        preferences.append("odata.track-changes")
    if page_size:
        preferences.append(f"odata.maxpagesize={page_size}")
    if annotations:
        preferences.append(f'odata.include-annotations="{",".join(annotations)}"')
    return ",".join(preferences)


def find_twin_host(host: str) -> str | None:
    """The other name an environment answers to (`x.crm4…`, `x.api.crm4…`), None for others."""
    name, _, rest = host.partition(".")
    if not rest or "." not in rest or rest.replace(".", "").split(":")[0].isdigit():
        return None
    if rest.startswith("api."):
        return f"{name}.{rest.removeprefix('api.')}"
    return f"{name}.api.{rest}"


def resolve_link(root: str, link: str) -> str:
    """A server-given link on the configured host, its path and query untouched.

    Raises FatalError for any other host: following it would hand it our token.
    """
    ours = urlsplit(root)
    theirs = urlsplit(link)
    if not theirs.netloc and link.startswith("/"):
        return root + link
    twin = find_twin_host(ours.netloc)
    if theirs.scheme != ours.scheme or theirs.netloc.lower() not in {ours.netloc, twin}:
        raise FatalError(
            f"the server sent a link to {theirs.scheme}://{theirs.netloc}, which is not the "
            "environment "
            f"{root}; it was not followed: check the environment URL and what stands between"
        )
    if theirs.netloc.lower() == ours.netloc:
        return link
    _, _, tail = link.partition("://")
    return root + tail[len(theirs.netloc) :]


def path_of(url: str) -> str:
    """Path and query of an absolute URL, as a part of a batch wants it."""
    parts = urlsplit(url)
    return urlunsplit(("", "", parts.path, parts.query, ""))
