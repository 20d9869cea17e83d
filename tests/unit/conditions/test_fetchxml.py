"""FetchXML as Advanced Find writes it."""

import typing
from collections.abc import Mapping

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
    Scalar,
    SellerAttribute,
)
from engine.conditions.language.parsing import parse_condition
from engine.conditions.language.printing import describe
from engine.errors import InvalidDocument, Problem
from engine.standard_tables import STANDARD_TABLES
from tests.unit.conditions.worlds import SCHEMA

ACCOUNT = '<link-entity name="account" from="accountid" to="parentaccountid"'


def read(text: str, **keys: typing.Any) -> str:
    return describe(parse_fetchxml(text, **keys))


def test_a_whole_query_is_reduced_to_its_filters_and_links() -> None:
    text = """
    <fetch version="1.0" mapping="logical">
      <entity name="lead">
        <attribute name="fullname"/><order attribute="createdon" descending="true"/>
        <filter type="and">
          <condition attribute="leadsourcecode" operator="eq" value="7"/>
          <filter type="or">
            <condition attribute="address1_country" operator="in">
              <value>United Kingdom</value><value>U&amp;K</value>
            </condition>
            <condition entityname="acc" attribute="industrycode" operator="null"/>
            <condition attribute="revenue" operator="gt" valueof="acc.revenue"/>
          </filter>
        </filter>
        <link-entity name="account" from="accountid" to="parentaccountid" alias="acc">
          <filter><condition attribute="name" operator="like" value="A%"/></filter>
        </link-entity>
      </entity>
    </fetch>"""
    assert read(text) == (
        "(leadsourcecode eq 7 and (address1_country in (United Kingdom, U&K) or "
        "parentaccountid.industrycode null or revenue gt parentaccountid.revenue)) and "
        "parentaccountid contains data where (name like A%)"
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("inner", "parentaccountid contains data where (a null)"),
        ("natural", "parentaccountid contains data where (a null)"),
        ("any", "parentaccountid contains data where (a null)"),
        ("not all", "parentaccountid contains data where (a null)"),
        ("exists", "parentaccountid contains data where (a null)"),
        ("not any", "parentaccountid does not contain data where (a null)"),
        (
            "all",
            (
                "parentaccountid contains data and parentaccountid does not contain data "
                "where (a null)"
            ),
        ),
    ],
)
def test_the_type_of_a_link_decides_what_related_rows_have_to_do(kind: str, expected: str) -> None:
    link = f'{ACCOUNT} link-type="{kind}"><condition attribute="a" operator="null"/></link-entity>'
    assert read(link) == expected


def test_an_outer_link_restricts_nothing() -> None:
    link = f'{ACCOUNT} link-type="outer" alias="x"><filter/></link-entity>'
    assert read(f'<condition entityname="x" attribute="a" operator="null"/>{link}') == (
        "parentaccountid.a null"
    )


@pytest.mark.parametrize(
    ("link", "navigation"),
    [
        ('name="account" from="accountid" to="customerid"', "customerid_account"),
        ('name="systemuser" from="systemuserid" to="ownerid"', "owninguser"),
        ('name="team" from="teamid" to="ownerid"', "owningteam"),
        ('name="account" from="accountid" to="new_accountid"', "new_accountid"),
    ],
)
def test_a_link_along_a_lookup_is_named_like_the_lookup(link: str, navigation: str) -> None:
    text = f"<filter><link-entity {link}/></filter>"
    assert read(text) == f"{navigation} contains data"


@pytest.mark.parametrize(
    "link",
    [
        'name="task" from="regardingobjectid" to="leadid"',
        'name="queue" from="queueid" to="ownerid"',
        'name="list" from="listid" to="listid" intersect="true"',
        'name="lead" from="leadid" to="lead id"',
        "",
    ],
)
def test_a_link_whose_navigation_property_is_not_known_is_a_problem(link: str) -> None:
    with pytest.raises(InvalidDocument, match="write this part as"):
        parse_fetchxml(f"<link-entity {link}/>")


def test_the_schema_tells_the_navigation_properties_of_links() -> None:
    tasks = '<link-entity name="task" from="regardingobjectid" to="leadid" link-type="any"/>'
    assert read(tasks, table="lead", schema=SCHEMA) == "Lead_Tasks contains data"
    lists = (
        '<link-entity name="listmember" from="entityid" to="leadid" intersect="true">'
        '<link-entity name="list" from="listid" to="listid">'
        '<condition attribute="city" operator="not-null"/></link-entity></link-entity>'
    )
    assert read(lists, table="lead", schema=SCHEMA) == (
        "listlead_association contains data where (city not-null)"
    )
    customer = '<link-entity name="account" from="accountid" to="customerid"/>'
    assert read(customer, table="lead", schema=SCHEMA) == "customerid_account contains data"
    nested = f'{ACCOUNT}><link-entity name="contact" from="contactid" to="primarycontactid"/></link-entity>'
    assert read(nested) == "parentaccountid contains data where (primarycontactid contains data)"
    several = f'{ACCOUNT}><filter/><filter type="or"/></link-entity>'
    assert read(several) == "parentaccountid contains data where (always and never)"


def test_values_that_spell_numbers_or_truth_become_them() -> None:
    values: dict[str, Scalar] = {
        "7": 7,
        "-7": -7,
        "007": "007",
        "0.5": 0.5,
        "0.50": "0.50",
        "true": True,
        "x": "x",
    }
    for text, value in values.items():
        condition = parse_fetchxml(f'<condition attribute="a" operator="eq" value="{text}"/>')
        assert condition == Compare(("a",), Operator.EQ, value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "there is no <filter>, <condition> or <link-entity> in the FetchXML"),
        ("<fetch/>", "<fetch> has no place in a FetchXML filter"),
        (
            "<fetch><entity name='lead'><order/></entity></fetch>",
            "there is no <filter>, <condition> or <link-entity> in the FetchXML",
        ),
        (
            "<filter",
            (
                "the FetchXML is not well-formed XML: not well-formed (invalid token): line 1, "
                "column 8"
            ),
        ),
        (
            "\ud800",
            ("the FetchXML is not well-formed XML: it holds half a character (a lone surrogate)"),
        ),
        (
            "<?xml version='1.0'?><!DOCTYPE f [<!ENTITY a 'b'>]><filter>&a;</filter>",
            "FetchXML has no document type: remove <!DOCTYPE …>",
        ),
        (
            "<?xml version='1.0'?><!DOCTYPE f SYSTEM 'file:///etc/passwd'><filter/>",
            "FetchXML has no document type: remove <!DOCTYPE …>",
        ),
        (
            "<filter>&xxe;</filter>",
            "the FetchXML is not well-formed XML: undefined entity: line 1, column 9",
        ),
        (
            "<?xml version='1.0'?>\n<filter>\n</filte>",
            "the FetchXML is not well-formed XML: mismatched tag: line 3, column 3",
        ),
        ("<a>" * 300 + "</a>" * 300, "the FetchXML is nested too deep"),
        ("x" * 200_001, "the FetchXML is longer than 200000 characters"),
        ("<filter type='xor'/>", "a filter's type is and or or, not “xor”"),
        ("<filter><having/></filter>", "<having> has no place in a FetchXML filter"),
        ("<condition operator='null'/>", "a condition names a column in “attribute”, not “”"),
        (
            "<condition attribute='a' aggregate='count' operator='null'/>",
            "an aggregate of “a” has no place in a FetchXML filter",
        ),
        (
            "<condition attribute='a' operator='nul'/>",
            "there is no operator “nul”; did you mean “null”?",
        ),
        ("<condition attribute='a' operator='#'/>", "there is no operator “#”"),
        (
            "<condition attribute='a' operator='between' value='1'/>",
            "a: the operator between takes a list of exactly two values, not 1",
        ),
        (
            "<condition attribute='a' operator='eq'/>",
            (
                "a: the operator eq takes one value, not nothing: for an empty column use the "
                "operator null"
            ),
        ),
        (
            "<condition attribute='a' operator='eq'><value>1</value><value>2</value></condition>",
            ("a: the operator eq takes one value: a text, a number, a date, true or false"),
        ),
        (
            "<condition entityname='b' attribute='a' operator='null'/>",
            "entityname “b” is not the alias of a link-entity in the FetchXML",
        ),
        (
            "<condition attribute='a' operator='in' valueof='b'/>",
            "valueof goes with eq, ge, gt, le, lt, ne only",
        ),
        (
            "<condition attribute='a' operator='eq' valueof='x.b'/>",
            "valueof names a column, “x.b” is none",
        ),
        (
            "<condition attribute='a' operator='eq' valueof='b c'/>",
            "valueof names a column, “b c” is none",
        ),
        (
            f"{ACCOUNT} link-type='left'/>",
            (
                "the link-type “left” is not one of all, any, exists, in, inner, natural, not "
                "all, not any, outer"
            ),
        ),
    ],
)
def test_what_is_wrong_with_fetchxml_is_told(text: str, sentence: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_fetchxml(text)
    assert caught.value.problems == (Problem((), sentence),)


def test_the_longest_and_the_deepest_fetchxml_are_read() -> None:
    text = "<filter/>"
    assert read(text + " " * (200_000 - len(text))) == "always"
    nested = "<value>" * 198 + "</value>" * 198
    assert read(f'<condition attribute="a" operator="null">{nested}</condition>') == "a null"
    with pytest.raises(InvalidDocument, match="nested too deep"):
        parse_fetchxml(f"<condition><value>{nested}</value></condition>")


def test_an_xml_declaration_is_allowed() -> None:
    assert read("<?xml version='1.0' encoding='utf-8'?><filter/>") == "always"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            {"column": "city", "operator": "eq", "value": 'A & "B" <C>\n'},
            '<condition attribute="city" operator="eq" value="A &amp; &quot;B&quot; &lt;C&gt;&#10;"/>',
        ),
        ({"column": "city", "operator": "null"}, '<condition attribute="city" operator="null"/>'),
        (
            {"any": [{"column": "source", "operator": "in", "value": [1, True]}]},
            (
                '<filter type="or"><condition attribute="source" operator="in">'
                "<value>1</value><value>true</value></condition></filter>"
            ),
        ),
        (
            {"column": "parentaccountid.primarycontactid.city", "operator": "null"},
            (
                '<condition entityname="parentaccountid__primarycontactid" attribute="city" '
                'operator="null"/><link-entity name="account" from="accountid" to="parentaccountid" '
                'link-type="outer" alias="parentaccountid"><link-entity name="contact" '
                'from="contactid" to="primarycontactid" link-type="outer" '
                'alias="parentaccountid__primarycontactid"></link-entity></link-entity>'
            ),
        ),
        (
            {"column": "revenue", "operator": "gt", "value_of": "parentaccountid.revenue"},
            (
                '<condition attribute="revenue" operator="gt" valueof="parentaccountid.revenue"/>'
                '<link-entity name="account" from="accountid" to="parentaccountid" '
                'link-type="outer" alias="parentaccountid"></link-entity>'
            ),
        ),
        (
            {"column": "revenue", "operator": "gt", "value_of": "score"},
            '<condition attribute="revenue" operator="gt" valueof="score"/>',
        ),
        (
            {"related": "Lead_Tasks", "exists": False},
            (
                '<link-entity name="task" from="regardingobjectid" to="leadid" '
                'link-type="not any"></link-entity>'
            ),
        ),
        (
            {"related": "listlead_association", "where": {"column": "city", "operator": "null"}},
            (
                '<link-entity name="listlead_association" from="leadid" to="leadid" link-type="any" '
                'intersect="true"><link-entity name="list" from="listid" to="listid">'
                '<condition attribute="city" operator="null"/></link-entity></link-entity>'
            ),
        ),
    ],
)
def test_a_condition_is_written_as_fetchxml_and_read_back(
    raw: Mapping[str, object], text: str
) -> None:
    condition = parse_condition(raw)
    assert build_fetchxml(condition, table="lead", schema=SCHEMA) == text
    assert parse_fetchxml(text, table="lead", schema=SCHEMA) == condition


def test_related_rows_behind_related_rows_become_nested_links() -> None:
    condition = Related(("parentaccountid", "primarycontactid"), False)
    text = build_fetchxml(condition, table="lead", schema=SCHEMA)
    assert read(text) == (
        "parentaccountid does not contain data where (primarycontactid contains data)"
    )


def test_characters_that_xml_cannot_carry_are_replaced() -> None:
    text = build_fetchxml(Compare(("city",), Operator.EQ, "a\x00b"))
    assert parse_fetchxml(text) == Compare(("city",), Operator.EQ, "a\ufffdb")


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        (
            SellerAttribute("Language", Operator.NULL),
            "the seller attribute “Language” does not exist in FetchXML",
        ),
        (
            CompareColumns(("city",), Operator.EQ, ("city",), True),
            "FetchXML cannot name the record being assigned",
        ),
        (Related(("nowhere",)), "the schema of lead does not know “nowhere”"),
        (
            Compare(("nowhere", "city"), Operator.NULL),
            "the schema of lead does not know “nowhere” as an N:1 relation",
        ),
        (
            Compare(("Lead_Tasks", "city"), Operator.NULL),
            "the schema of lead does not know “Lead_Tasks” as an N:1 relation",
        ),
        (
            Not(Compare(("createdon",), Operator.TODAY)),
            "FetchXML has no negation for a part of this condition",
        ),
        (
            Not(CompareColumns(("a",), Operator.EQ, ("b",))),
            "FetchXML has no negation for a part of this condition",
        ),
    ],
)
def test_what_fetchxml_cannot_say_is_refused(condition: Condition, sentence: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        build_fetchxml(condition, table="lead", schema=SCHEMA)
    assert caught.value.problems == (Problem((), sentence),)


def test_without_a_schema_relations_are_not_known() -> None:
    for condition in (Related(("a",)), Compare(("a", "b"), Operator.NULL)):
        with pytest.raises(InvalidDocument, match="the schema of the table"):
            build_fetchxml(condition)


@pytest.mark.parametrize(
    ("raw", "opposite"),
    [
        ({"column": "a", "operator": "eq", "value": 1}, "a ne 1"),
        ({"column": "a", "operator": "not-in", "value": [1]}, "a in (1)"),
        ({"column": "a", "operator": "null"}, "a not-null"),
        ({"column": "a", "operator": "gt", "value": 1}, "a null or a le 1"),
        ({"related": "tasks"}, "tasks does not contain data"),
        ({"not": {"column": "a", "operator": "today"}}, "a today"),
        (
            {"all": [{"column": "a", "operator": "null"}, {"column": "b", "operator": "null"}]},
            "a not-null or b not-null",
        ),
        (
            {"any": [{"column": "a", "operator": "null"}, {"column": "b", "operator": "null"}]},
            "a not-null and b not-null",
        ),
    ],
)
def test_negation_is_pushed_down_to_operators_with_a_counterpart(
    raw: Mapping[str, object], opposite: str
) -> None:
    found = negate(parse_condition(raw))
    assert found is not None
    assert describe(found) == opposite
    text = (
        build_fetchxml(Not(parse_condition(raw)), table="lead", schema=SCHEMA)
        if ("related" not in raw)
        else ""
    )
    assert "not" not in text.split()


def test_a_negation_with_a_part_that_has_no_counterpart_has_none() -> None:
    today = Compare(("a",), Operator.TODAY)
    assert negate(All((today,))) is None
    assert negate(Any((today,))) is None
    assert negate(SellerAttribute("a", Operator.NULL)) is None


OUTER = (
    '<link-entity name="account" from="accountid" to="parentaccountid" link-type="outer" alias="x">'
    '<filter><condition attribute="city" operator="eq" value="Rome"/></filter></link-entity>'
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('attribute="accountid" operator="null"', "parentaccountid does not contain data where {}"),
        ('attribute="accountid" operator="not-null"', "parentaccountid contains data where {}"),
        (
            'attribute="name" operator="eq" value="y"',
            "parentaccountid contains data where ({} and name eq y)",
        ),
        (
            'attribute="name" operator="ne" value="y"',
            (
                "parentaccountid does not contain data where {} or "
                "parentaccountid contains data where ({} and name ne y)"
            ),
        ),
    ],
)
def test_a_restricted_outer_link_is_null_where_no_row_is_left(
    condition: str, expected: str
) -> None:
    text = f'{OUTER}<filter><condition entityname="x" {condition}/></filter>'
    assert read(text, table="lead", schema=SCHEMA) == expected.replace(
        "({}", "(city eq Rome"
    ).replace("{}", "(city eq Rome)")


TASKS = '<link-entity name="task" from="regardingobjectid" to="leadid" link-type="outer" alias="t"'


@pytest.mark.parametrize("key", ["taskid", "regardingobjectid"])
def test_an_outer_link_to_many_rows_can_be_asked_whether_there_are_some(key: str) -> None:
    asked = f'<condition entityname="t" attribute="{key}" operator="null"/>'
    assert read(f"{TASKS}/>{asked}", schema=SCHEMA) == "Lead_Tasks does not contain data"


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        (
            'attribute="city" operator="null"',
            (
                "of the outer link “task” only the key can be asked for, with null or not-null: "
                "write this part as {related: NAVIGATION, exists: true, where: …}"
            ),
        ),
        (
            'attribute="city" operator="eq" valueof="name"',
            "valueof has no place on the outer link “task”",
        ),
    ],
)
def test_an_outer_link_to_many_rows_can_be_asked_nothing_else(
    condition: str, sentence: str
) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_fetchxml(f'{TASKS}/><condition entityname="t" {condition}/>', schema=SCHEMA)
    assert caught.value.problems == (Problem((), sentence),)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('name="lead" from="parentaccountid" to="accountid"', "lead_parent_account"),
        ('name="lead" from="customerid" to="accountid"', "lead_customer_accounts"),
        ('name="contact" from="parentcustomerid" to="accountid"', "contact_customer_accounts"),
        ('name="connection" from="record2id" to="opportunityid"', "opportunity_connections2"),
    ],
)
def test_the_key_that_a_link_starts_from_tells_the_table(link: str, expected: str) -> None:
    text = f"<filter><link-entity {link} link-type='any'/></filter>"
    assert read(text, schema=STANDARD_TABLES) == f"{expected} contains data"


def test_filters_nested_too_deep_are_a_problem() -> None:
    condition = '<condition attribute="city" operator="null"/>'
    assert read("<filter>" * 49 + condition + "</filter>" * 49)
    with pytest.raises(InvalidDocument, match="flatten its filters"):
        parse_fetchxml("<filter>" * 51 + condition + "</filter>" * 51)


def test_a_link_that_fits_none_of_several_relations_is_a_problem() -> None:
    link = '<link-entity name="lead" from="masterid" to="accountid" link-type="any"/>'
    with pytest.raises(InvalidDocument, match="is not known"):
        parse_fetchxml(link, schema=STANDARD_TABLES)
