"""Paging cookies: written and read in Dataverse's shape, refused when they were changed; no SQL.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/page-results
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from connector.emulator.protocol.errors import ODataError, bad_query
from connector.emulator.query.sql.fragments import SqlValue
from connector.emulator.query.sql.ordering import SortKey

_OUTER = re.compile(
    r'<cookie pagenumber="([1-9]\d{0,8})" pagingcookie="([^"]*)" istracking="(True|False)" ?/>'
)
_SAFE = re.compile(r"[^A-Za-z0-9_.]")


@dataclass(frozen=True, slots=True)
class PagePosition:
    """Where the next page starts: its number, and the key values of the last row before it."""

    page: int
    last: tuple[SqlValue, ...]


def write_inner(
    keys: tuple[SortKey, ...],
    page: int,
    first: tuple[SqlValue, ...],
    last: tuple[SqlValue, ...],
    query_digest: bytes,
) -> str:
    """The inner cookie of a page: `<cookie page="1"><leadid last="{…}" first="{…}" /></cookie>`."""
    elements = "".join(
        f"<{_element(key)}{_attribute('last', key, end)}{_attribute('first', key, begin)} />"
        for key, begin, end in zip(keys, first, last, strict=True)
    )
    check = _check(f"{page}{elements}", query_digest)
    return f'<cookie page="{page}" check="{check}">{elements}</cookie>'


def write_skiptoken(inner: str, next_page: int) -> str:
    """The value of `$skiptoken`, ready to stand in a link."""
    cookie = _outer(_encode(inner), next_page)
    return quote(cookie, safe='="/').replace("%22", '"').replace('"', "%22")


def write_annotation(inner: str, next_page: int) -> str:
    """The value of the paging cookie's annotation: the inner cookie is encoded twice."""
    return _outer(_encode(_encode(inner)), next_page)


def read_skiptoken(token: str, keys: tuple[SortKey, ...], query_digest: bytes) -> PagePosition:
    """The position a decoded `$skiptoken` means; raises ODataError 400 when it was changed."""
    match = _OUTER.fullmatch(token.strip())
    if match is None:
        raise _malformed()
    page, last = read_inner(unquote(match.group(2)), keys, query_digest)
    if page + 1 != int(match.group(1)):
        raise _malformed()
    return PagePosition(page + 1, last)


def read_inner(
    inner: str, keys: tuple[SortKey, ...], query_digest: bytes
) -> tuple[int, tuple[SqlValue, ...]]:
    """The page and the last key values of an inner cookie, however often it is still encoded."""
    for _ in range(3):
        if inner.lstrip().startswith("<"):
            break
        inner = unquote(inner)
    root = _parse(inner)
    page = root.get("page", "")
    body = inner[inner.find(">") + 1 : inner.rfind("</cookie>")]
    if not hmac.compare_digest(_check(f"{page}{body}", query_digest), root.get("check", "")):
        raise _malformed()
    if len(root) != len(keys) or not page.isdigit():
        raise _malformed()
    return int(page), tuple(_value(key, child) for key, child in zip(keys, root, strict=True))


def _parse(inner: str) -> ET.Element:
    if "<!" in inner:
        raise _malformed()
    try:
        return ET.fromstring(inner)  # noqa: S314  declarations were refused above
    except (ET.ParseError, ValueError) as error:
        raise _malformed() from error


def _malformed() -> ODataError:
    return bad_query("Malformed XML in the Paging Cookie")


def _outer(encoded: str, next_page: int) -> str:
    return f'<cookie pagenumber="{next_page}" pagingcookie="{encoded}" istracking="False" />'


def _encode(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), quote(text, safe=""))


def _element(key: SortKey) -> str:
    return _SAFE.sub("_", key.name)


def _attribute(name: str, key: SortKey, value: SqlValue) -> str:
    if value is None:
        return f' {name}null="1"'
    text = f"{{{str(value).upper()}}}" if key.is_guid else str(value)
    return f" {name}={_quoted(text)}"


def _quoted(text: str) -> str:
    return quoteattr(text, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _value(key: SortKey, element: ET.Element) -> SqlValue:
    if element.get("lastnull") == "1":
        return None
    text = element.get("last")
    if text is None or element.tag != _element(key):
        raise _malformed()
    if key.is_guid:
        return text.strip("{}").lower()
    return _number(text) if key.is_numeric else text


def _number(text: str) -> SqlValue:
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError as error:
        raise _malformed() from error


def _check(text: str, query_digest: bytes) -> str:
    return blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=8, key=query_digest[:64]
    ).hexdigest()
