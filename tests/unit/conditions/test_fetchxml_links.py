"""Links of FetchXML in a tenant whose names do not follow from each other: both ways by the schema."""

import pytest

from engine.conditions.language.fetchxml import build_fetchxml, parse_fetchxml
from engine.conditions.language.fetchxml_writing import negate
from engine.conditions.language.model import (
    All,
    Any,
    Compare,
    CompareColumns,
    Condition,
    Not,
    Operator,
    Related,
)
from engine.conditions.language.parsing import MAX_DEPTH
from engine.errors import InvalidDocument, Problem
from engine.schema import Relationship, RelationshipKind, TableSchema

_TO_ONE, _TO_MANY = RelationshipKind.MANY_TO_ONE, RelationshipKind.ONE_TO_MANY
_MANY_TO_MANY = RelationshipKind.MANY_TO_MANY


def _table(name: str, primary_id: str, *relationships: Relationship) -> TableSchema:
    return TableSchema(
        name=name,
        entity_set=f"{name}s",
        primary_id=primary_id,
        primary_name=None,
        columns={},
        relationships={each.navigation: each for each in relationships},
    )


def _relation(
    navigation: str, kind: RelationshipKind, table: str, column: str | None = None
) -> Relationship:
    return Relationship(navigation=navigation, kind=kind, table=table, column=column)


SCHEMA = {
    "lead": _table(
        "lead",
        "leadid",
        _relation("new_Region", _TO_ONE, "new_region", "new_regionid"),
        _relation("new_homeid", _TO_ONE, "new_region"),
        _relation("new_Lead_Visits", _TO_MANY, "new_visit", "new_leadid"),
        _relation("new_lead_fair", _MANY_TO_MANY, "new_fair"),
        _relation("new_lead_visitedfair", _MANY_TO_MANY, "new_fair"),
    ),
    "new_region": _table(
        "new_region",
        "new_regionid",
        _relation("new_Parent", _TO_ONE, "new_region", "new_parentid"),
        _relation("new_Children", _TO_MANY, "new_region", "new_parentid"),
    ),
    "new_visit": _table(
        "new_visit", "activityid", _relation("new_Place", _TO_ONE, "new_region", "new_placeid")
    ),
    "new_fair": _table("new_fair", "new_fairid"),
}
CITY = Compare(("city",), Operator.EQ, "Rome")
NAME = Compare(("name",), Operator.EQ, "Fair")
IS_ROME = '<condition attribute="city" operator="eq" value="Rome"/>'
IS_FAIR = '<condition attribute="name" operator="eq" value="Fair"/>'
REGION = '<link-entity name="new_region" from="new_regionid" to="new_regionid"'
PARENT = '<link-entity name="new_region" from="new_regionid" to="new_parentid"'
VISITS = '<link-entity name="new_visit" from="new_leadid" to="leadid"'
FAIRS = '<link-entity name="new_fair" from="new_fairid" to="new_fairid"'


def read(text: str, table: str | None = "lead") -> Condition:
    return parse_fetchxml(text, table=table, schema=SCHEMA)


def refusals(text: str, table: str | None = "lead") -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        read(text, table)
    return [problem.message for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        (f"{REGION}/>", Related(("new_Region",))),
        (
            f"{REGION} link-type=' NOT ANY '>{IS_ROME}</link-entity>",
            Related(("new_Region",), False, CITY),
        ),
        (
            f"{REGION} link-type='all'>{IS_ROME}</link-entity>",
            All((Related(("new_Region",)), Related(("new_Region",), False, CITY))),
        ),
        (
            f"{VISITS} link-type='any'>{IS_ROME}</link-entity>",
            Related(("new_Lead_Visits",), True, CITY),
        ),
        (
            '<link-entity name="new_region" from="new_regionid" to="new_homeid"/>',
            Related(("new_homeid",)),
        ),
        (
            f"{REGION}>{PARENT}>{IS_ROME}</link-entity></link-entity>",
            Related(("new_Region",), True, Related(("new_Parent",), True, CITY)),
        ),
        (
            f"{REGION}>{IS_ROME}{IS_FAIR}</link-entity>",
            Related(("new_Region",), True, All((CITY, NAME))),
        ),
    ],
)
def test_the_schema_names_what_a_link_leads_to(text: str, condition: Condition) -> None:
    assert read(text) == condition


@pytest.mark.parametrize("table", ["lead", None])
@pytest.mark.parametrize("intersect", ["new_lead_fair", "new_lead_visitedfair"])
def test_the_intersect_table_tells_apart_relations_to_the_same_table(
    table: str | None, intersect: str
) -> None:
    link = f'<link-entity name="{intersect}" from="leadid" to="leadid" intersect="true">'
    fairs = f"{link}{FAIRS}>{IS_ROME}</link-entity></link-entity>"
    assert read(fairs, table) == Related((intersect,), True, CITY)


def test_the_table_behind_an_intersect_table_has_links_of_its_own() -> None:
    schema = {
        **SCHEMA,
        "new_fair": _table(
            "new_fair", "new_fairid", _relation("new_Venue", _TO_ONE, "new_region", "new_venueid")
        ),
    }
    venue = '<link-entity name="new_region" from="new_regionid" to="new_venueid"/>'
    link = '<link-entity name="new_lead_fair" from="leadid" to="leadid" intersect="true">'
    text = f"{link}{FAIRS}>{venue}</link-entity></link-entity>"
    assert parse_fetchxml(text, table="lead", schema=schema) == Related(
        ("new_lead_fair",), True, Related(("new_Venue",))
    )


def test_a_table_that_refers_to_itself_is_linked_upwards_and_downwards() -> None:
    down = '<link-entity name="new_region" from="new_parentid" to="new_regionid" link-type="any"/>'
    assert read(f"{PARENT}/>", "new_region") == Related(("new_Parent",))
    assert read(down, "new_region") == Related(("new_Children",))


@pytest.mark.parametrize(
    "link",
    [
        '<link-entity from="id" to="new_regionid"/>',
        '<link-entity name="new_nothing" from="new_nothingid" to="leadid"/>',
        '<link-entity name="new_lead_none" from="leadid" to="leadid" intersect="true"/>',
    ],
)
def test_a_link_that_leads_nowhere_is_named_by_its_ends(link: str) -> None:
    (sentence,) = refusals(link)
    assert sentence.startswith("the navigation property behind the link-entity ")


def test_a_link_without_a_navigation_property_is_refused_with_the_way_out() -> None:
    link = '<link-entity name="new_visit" from="new_otherid" to="leadid"/>'
    assert refusals(link) == [
        (
            "the navigation property behind the link-entity new_visit from new_otherid to leadid "
            "is not known: write this part as {related: NAVIGATION, exists: true, where: …}"
        )
    ]


def test_links_may_be_nested_as_deep_as_conditions() -> None:
    def nested(count: int) -> str:
        return f"{REGION}>" + f"{PARENT}>" * (count - 1) + "</link-entity>" * count

    read(nested(MAX_DEPTH))
    assert refusals(nested(MAX_DEPTH + 1)) == [
        "the FetchXML is nested too deep: flatten its filters"
    ]


def test_a_whole_query_names_its_table_itself() -> None:
    query = f'<fetch><entity name="lead"><filter>{REGION}/></filter></entity></fetch>'
    assert read(query, None) == All((Related(("new_Region",)),))
    assert read(f"<filter>{REGION}/></filter>") == All((Related(("new_Region",)),))


def test_conditions_reach_links_of_links_by_alias_or_by_table() -> None:
    upper = f'{PARENT} alias="p" link-type="outer"/>'
    asked_for = '<condition entityname="{}" attribute="city" operator="null"/>'
    region = f'{REGION} link-type="outer" alias="x">{upper}</link-entity>'
    found = read(asked_for.format("p") + region)
    assert found == Compare(("new_Region", "new_Parent", "city"), Operator.NULL)
    unnamed = f'{REGION} link-type="outer">{upper}</link-entity>'
    found = read(asked_for.format("new_region") + unnamed)
    assert found == Compare(("new_Region", "city"), Operator.NULL)
    empty = '<condition entityname="x" attribute="city" operator="in"/>'
    assert refusals(empty + region) == [
        "new_Region.city: the operator in takes a list of values: it is empty"
    ]


def test_a_restricted_outer_link_hides_no_link_after_it() -> None:
    first = f'{REGION} link-type="outer" alias="r">{IS_ROME}</link-entity>'
    home = '<link-entity name="new_region" from="new_regionid" to="new_homeid" alias="h"/>'
    is_null = '<condition entityname="h" attribute="city" operator="null"/>'
    assert read(first + home + is_null) == All(
        (
            Related(("new_homeid",)),
            Compare(("new_homeid", "city"), Operator.NULL),
        )
    )


def asked(condition: str) -> str:
    return f'<filter><condition entityname="r" {condition}/></filter>'


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('attribute="new_regionid" operator="null"', Related(("new_Region",), False, CITY)),
        ('attribute="new_regionid" operator="not-null"', Related(("new_Region",), True, CITY)),
        (
            'attribute="name" operator="null"',
            Any(
                (
                    Related(("new_Region",), False, CITY),
                    Related(("new_Region",), True, All((CITY, Compare(("name",), Operator.NULL)))),
                )
            ),
        ),
        (
            'attribute="name" value="Fair"',
            Related(("new_Region",), True, All((CITY, NAME))),
        ),
    ],
)
def test_a_restricted_outer_link_is_asked_through_its_alias(
    condition: str, expected: Condition
) -> None:
    link = f'{REGION} link-type="outer" alias="r">{IS_ROME}</link-entity>'
    assert read(link + asked(condition)) == All((expected,))


def test_an_outer_link_without_an_alias_goes_by_the_name_of_its_table() -> None:
    is_null = '<condition entityname="new_region" attribute="new_regionid" operator="null"/>'
    link = f'{REGION} link-type="outer">{IS_ROME}{IS_FAIR}</link-entity>'
    assert read(link + is_null) == Related(("new_Region",), False, All((CITY, NAME)))


def test_an_outer_link_is_restricted_by_the_links_inside_it_too() -> None:
    link = f'{REGION} link-type="outer" alias="r">{PARENT}/>{IS_ROME}</link-entity>'
    assert read(link + asked('attribute="new_regionid" operator="null"')) == All(
        (Related(("new_Region",), False, All((Related(("new_Parent",)), CITY))),)
    )


def test_filters_inside_an_outer_link_count_towards_the_depth() -> None:
    def nested(count: int) -> str:
        filters = "<filter>" * count + IS_ROME + "</filter>" * count
        link = f'{REGION} link-type="outer" alias="r">{filters}</link-entity>'
        is_null = '<condition entityname="r" attribute="new_regionid" operator="null"/>'
        return link + is_null

    read(nested(MAX_DEPTH - 2))
    assert set(refusals(nested(MAX_DEPTH - 1))) == {
        "the FetchXML is nested too deep: flatten its filters"
    }


@pytest.mark.parametrize("key", ["activityid", "new_leadid"])
def test_an_outer_link_to_many_rows_is_asked_for_its_keys_as_the_schema_has_them(key: str) -> None:
    link = f'{VISITS} link-type="outer" alias="r"/>'
    is_null = f'attribute="{key}" operator="null"'
    assert read(link + asked(is_null)) == All((Related(("new_Lead_Visits",), False),))
    (sentence,) = refusals(link + asked('attribute="new_visitid" operator="null"'))
    assert sentence.startswith("of the outer link “new_visit” only the key can be asked for")


def test_columns_of_a_restricted_outer_link_are_compared_with_values_only() -> None:
    link = f'{REGION} link-type="outer" alias="r">{IS_ROME}</link-entity>'
    assert refusals(link + asked('attribute="name" operator="eq" valueof="r.city"')) == [
        "valueof names a column, “r.city” is none",
        "valueof has no place on the outer link “new_region”",
    ]
    other = '<condition attribute="name" operator="eq" valueof="r.city"/>'
    assert refusals(link + other) == ["valueof names a column, “r.city” is none"]


def test_an_operator_may_be_left_out_or_written_the_old_way() -> None:
    assert read('<condition attribute="city" value="Rome"/>') == CITY
    old = read('<condition attribute="city" operator=" neq " value="Rome"/>')
    assert old == Compare(("city",), Operator.NE, "Rome")


def test_a_value_beside_an_operator_that_takes_none_is_passed_over() -> None:
    condition = '<condition attribute="city" operator="not-null" value=""/>'
    assert read(condition) == Compare(("city",), Operator.NOT_NULL)


def test_a_list_without_values_is_a_problem() -> None:
    assert refusals('<condition attribute="city" operator="in"/>') == [
        "city: the operator in takes a list of values: it is empty"
    ]


@pytest.mark.parametrize("text", ["Ro<!-- the city -->me", "R<![CDATA[om]]>e", "R&#111;me"])
def test_text_that_markup_interrupts_is_one_value(text: str) -> None:
    condition = f'<condition attribute="city" operator="eq"><value>{text}</value></condition>'
    assert read(condition) == CITY


def test_truth_values_are_read_as_such_and_nothing_like_them() -> None:
    for text, value in (("true", True), ("false", False), ("FALSE", "FALSE"), ("no", "no")):
        assert read(f'<condition attribute="a" value="{text}"/>') == Compare(
            ("a",), Operator.EQ, value
        )


WRITTEN = [
    (
        All((CITY, Any((NAME, CITY)))),
        f'<filter type="and">{IS_ROME}<filter type="or">{IS_FAIR}{IS_ROME}</filter></filter>',
    ),
    (
        All(
            (
                Compare(("new_Region", "city"), Operator.EQ, "Rome"),
                Related(("new_Lead_Visits",), True, CITY),
            )
        ),
        (
            '<filter type="and"><condition entityname="new_Region" attribute="city" operator="eq" '
            f'value="Rome"/>{VISITS} link-type="any">{IS_ROME}</link-entity></filter>'
            f'{REGION} link-type="outer" alias="new_Region"></link-entity>'
        ),
    ),
    (
        Any(
            (
                Compare(("new_homeid", "city"), Operator.NULL),
                Compare(("new_Region", "city"), Operator.NULL),
            )
        ),
        (
            '<filter type="or"><condition entityname="new_homeid" attribute="city" operator="null"/>'
            '<condition entityname="new_Region" attribute="city" operator="null"/></filter>'
            '<link-entity name="new_region" from="new_regionid" to="new_homeid" link-type="outer" '
            f'alias="new_homeid"></link-entity>{REGION} link-type="outer" alias="new_Region">'
            "</link-entity>"
        ),
    ),
    (
        CompareColumns(("new_Region", "size"), Operator.GT, ("revenue",)),
        (
            '<condition entityname="new_Region" attribute="size" operator="gt" valueof="revenue"/>'
            f'{REGION} link-type="outer" alias="new_Region"></link-entity>'
        ),
    ),
    (
        Related(("new_Region",), True, Related(("new_Children",), False, CITY)),
        (
            f'{REGION} link-type="any"><link-entity name="new_region" from="new_parentid" '
            f'to="new_regionid" link-type="not any">{IS_ROME}</link-entity></link-entity>'
        ),
    ),
]


@pytest.mark.parametrize(("condition", "text"), WRITTEN)
def test_a_condition_is_written_with_the_keys_of_the_schema_and_read_back(
    condition: Condition, text: str
) -> None:
    assert build_fetchxml(condition, table="lead", schema=SCHEMA) == text
    assert read(text) == condition


def test_the_key_of_a_table_may_have_another_name() -> None:
    condition = Related(("new_Lead_Visits",), True, Related(("new_Place",)))
    text = build_fetchxml(condition, table="lead", schema=SCHEMA)
    assert text == (
        f'{VISITS} link-type="any"><link-entity name="new_region" from="new_regionid" '
        'to="new_placeid" link-type="any"></link-entity></link-entity>'
    )
    schema = {
        **SCHEMA,
        "lead": _table(
            "lead",
            "leadid",
            _relation("new_Visit", _TO_ONE, "new_visit", "new_visitid"),
            _relation("new_Offer", _TO_ONE, "new_offer", "new_offid"),
        ),
    }
    visit, offer = (
        build_fetchxml(Related((name,)), table="lead", schema=schema)
        for name in ("new_Visit", "new_Offer")
    )
    assert ' from="activityid" to="new_visitid" ' in visit
    assert ' from="new_offerid" to="new_offid" ' in offer


def test_rows_behind_rows_keep_what_is_asked_of_the_last() -> None:
    condition = Related(("new_Region", "new_Children"), False, CITY)
    text = build_fetchxml(condition, table="lead", schema=SCHEMA)
    assert read(text) == Related(("new_Region",), False, Related(("new_Children",), True, CITY))


@pytest.mark.parametrize(
    ("condition", "opposite"),
    [
        (Related(("new_Region",), True, CITY), Related(("new_Region",), False, CITY)),
        (Related(("new_Region",), False, CITY), Related(("new_Region",), True, CITY)),
        (
            Compare(("new_Region", "city"), Operator.NULL),
            Compare(("new_Region", "city"), Operator.NOT_NULL),
        ),
    ],
)
def test_a_negated_part_is_written_as_its_opposite(
    condition: Condition, opposite: Condition
) -> None:
    assert negate(condition) == opposite
    text = build_fetchxml(Not(condition), table="lead", schema=SCHEMA)
    assert read(text) == opposite


def test_every_relation_that_the_schema_lacks_is_named() -> None:
    condition = All(
        (
            Compare(("a", "x"), Operator.NULL),
            Compare(("b", "x"), Operator.NULL),
            Related(("c",)),
            Compare(("new_Region", "d", "x"), Operator.NULL),
        )
    )
    with pytest.raises(InvalidDocument) as caught:
        build_fetchxml(condition, table="lead", schema=SCHEMA)
    assert caught.value.problems == tuple(
        Problem((), sentence)
        for sentence in (
            "the schema of lead does not know “c”",
            "the schema of lead does not know “a” as an N:1 relation",
            "the schema of lead does not know “b” as an N:1 relation",
            "the schema of new_region does not know “d” as an N:1 relation",
        )
    )
    with pytest.raises(InvalidDocument, match=r"^the schema of the table does not know “c”$"):
        build_fetchxml(Related(("c",)))
