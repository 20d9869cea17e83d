"""The query string is decoded once; unknown and repeated system options are refused."""

import pytest

from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.odata.options import (
    parse_count_option,
    parse_query_options,
    parse_top_option,
)


def test_percent_and_plus_are_decoded_once_and_order_is_kept() -> None:
    options = parse_query_options(
        b"$filter=a+eq+'%252B%2Bx'&%24top=2&tag=a%26b&@p1=%C3%BC&$count=true"
    )
    assert options.pairs == (
        ("$filter", "a eq '%2B+x'"),
        ("$top", "2"),
        ("tag", "a&b"),
        ("@p1", "ü"),
        ("$count", "true"),
    )
    assert options.aliases == {"@p1": "ü"}
    assert "$top" in options
    assert options.get("$select") is None


def test_text_outside_ascii_may_stand_unescaped() -> None:
    assert parse_query_options("$filter=x eq 'ü'").get("$filter") == "x eq 'ü'"
    assert parse_query_options("$filter=x eq 'ü'".encode()).get("$filter") == "x eq 'ü'"


def test_fetchxml_is_found_however_it_is_spelt() -> None:
    assert parse_query_options("fetchxml=%3Cfetch/%3E").get("fetchXml") == "<fetch/>"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("$skip=1", "Skip Clause is not supported in CRM"),
        ("$search=x", "Search Clause is not supported in CRM"),
        ("$format=json", "The query parameter $format is not supported"),
        ("$Select=a", "The query parameter '$Select' begins with a system-reserved '$'"),
        ("$top=1&$top=2", "Query option '$top' was specified more than once"),
        ("$filter=%ff", "not valid UTF-8"),
        ("$filter=%00", "null character"),
    ],
)
def test_what_dataverse_refuses_is_refused(query: str, message: str) -> None:
    with pytest.raises(ODataError) as refusal:
        parse_query_options(query)
    assert message in refusal.value.message
    assert (refusal.value.status, refusal.value.code) == (400, "0x80060888")


@pytest.mark.parametrize("text", ["-1", "x", "", "1.5", "٣", "9" * 11])
def test_top_must_be_a_non_negative_number(text: str) -> None:
    with pytest.raises(ODataError, match="requires a non-negative integer"):
        parse_top_option(text)


def test_count_is_true_or_false() -> None:
    assert parse_count_option("true")
    assert not parse_count_option("false")
    assert not parse_count_option(None)
    with pytest.raises(ODataError, match="Valid values are 'true' and 'false'"):
        parse_count_option("1")
