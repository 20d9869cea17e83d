"""FetchXML as Advanced Find writes it."""

import pytest

from engine.conditions.fetchxml import build_fetchxml, parse_fetchxml
from engine.conditions.fetchxml_building import negate
from engine.conditions.model import (
    All,
    Any,
    Compare,
    CompareColumns,
    Not,
    Operator,
    Related,
    SellerAttribute,
)
from engine.conditions.parsing import parse_condition
from engine.conditions.printing import describe
from engine.errors import InvalidDocument
from engine.standard_tables import STANDARD_TABLES
from tests.unit.conditions.worlds import SCHEMA

ACCOUNT = '<link-entity name="account" from="accountid" to="parentaccountid"'


def read(text: str, **keys: object) -> str:
    return describe(parse_fetchxml(text, **keys))


def test_a_whole_query_is_reduced_to_its_filters_and_links():
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
def test_the_type_of_a_link_decides_what_related_rows_have_to_do(kind, expected):
    link = f'{ACCOUNT} link-type="{kind}"><condition attribute="a" operator="null"/></link-entity>'
    assert read(link) == expected


def test_an_outer_link_restricts_nothing():
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
def test_a_link_along_a_lookup_is_named_like_the_lookup(link, navigation):
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
def test_a_link_whose_navigation_property_is_not_known_is_a_problem(link):
    with pytest.raises(InvalidDocument, match="write this part as"):
        parse_fetchxml(f"<link-entity {link}/>")


def test_the_schema_tells_the_navigation_properties_of_links():
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


def test_values_that_spell_numbers_or_truth_become_them():
    values = {"7": 7, "-7": -7, "007": "007", "0.5": 0.5, "0.50": "0.50", "true": True, "x": "x"}
    for text, value in values.items():
        condition = parse_fetchxml(f'<condition attribute="a" operator="eq" value="{text}"/>')
        assert condition == Compare(("a",), Operator.EQ, value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no <filter>"),
        ("<fetch/>", "has no place"),
        ("<fetch><entity name='lead'><order/></entity></fetch>", "no <filter>"),
        ("<filter", "not well-formed"),
        ("\ud800", "not well-formed"),
        (
            "<?xml version='1.0'?><!DOCTYPE f [<!ENTITY a 'b'>]><filter>&a;</filter>",
            "document type",
        ),
        ("<?xml version='1.0'?><!DOCTYPE f SYSTEM 'file:///etc/passwd'><filter/>", "document type"),
        ("<filter>&xxe;</filter>", "not well-formed"),
        ("<a>" * 300 + "</a>" * 300, "nested too deep"),
        ("x" * 200_001, "longer than"),
        ("<filter type='xor'/>", "and or or"),
        ("<filter><having/></filter>", "<having> has no place"),
        ("<condition operator='null'/>", "names a column"),
        ("<condition attribute='a' aggregate='count' operator='null'/>", "names a column"),
        ("<condition attribute='a' operator='nul'/>", "did you mean “null”"),
        ("<condition attribute='a' operator='#'/>", "no operator “#”"),
        ("<condition attribute='a' operator='between' value='1'/>", "exactly two"),
        ("<condition attribute='a' operator='eq'/>", "one value"),
        (
            "<condition attribute='a' operator='eq'><value>1</value><value>2</value></condition>",
            "one",
        ),
        ("<condition entityname='b' attribute='a' operator='null'/>", "entityname “b”"),
        ("<condition attribute='a' operator='in' valueof='b'/>", "valueof goes with"),
        ("<condition attribute='a' operator='eq' valueof='x.b'/>", "names a column"),
        ("<condition attribute='a' operator='eq' valueof='b c'/>", "names a column"),
        (f"{ACCOUNT} link-type='left'/>", "link-type “left”"),
    ],
)
def test_what_is_wrong_with_fetchxml_is_told(text, words):
    with pytest.raises(InvalidDocument, match=words):
        parse_fetchxml(text)


def test_an_xml_declaration_is_allowed():
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
def test_a_condition_is_written_as_fetchxml_and_read_back(raw, text):
    condition = parse_condition(raw)
    assert build_fetchxml(condition, table="lead", schema=SCHEMA) == text
    assert parse_fetchxml(text, table="lead", schema=SCHEMA) == condition


def test_related_rows_behind_related_rows_become_nested_links():
    condition = Related(("parentaccountid", "primarycontactid"), False)
    text = build_fetchxml(condition, table="lead", schema=SCHEMA)
    assert read(text) == (
        "parentaccountid does not contain data where (primarycontactid contains data)"
    )


def test_characters_that_xml_cannot_carry_are_replaced():
    text = build_fetchxml(Compare(("city",), Operator.EQ, "a\x00b"))
    assert parse_fetchxml(text) == Compare(("city",), Operator.EQ, "a\ufffdb")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (SellerAttribute("Language", Operator.NULL), "seller attribute “Language”"),
        (CompareColumns(("city",), Operator.EQ, ("city",), True), "record being assigned"),
        (Related(("nowhere",)), "does not know “nowhere”"),
        (Compare(("nowhere", "city"), Operator.NULL), "does not know “nowhere”"),
        (Compare(("Lead_Tasks", "city"), Operator.NULL), "as an N:1 relation"),
        (Not(Compare(("createdon",), Operator.TODAY)), "no negation"),
        (Not(CompareColumns(("a",), Operator.EQ, ("b",))), "no negation"),
    ],
)
def test_what_fetchxml_cannot_say_is_refused(condition, words):
    with pytest.raises(InvalidDocument, match=words):
        build_fetchxml(condition, table="lead", schema=SCHEMA)


def test_without_a_schema_relations_are_not_known():
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
def test_negation_is_pushed_down_to_operators_with_a_counterpart(raw, opposite):
    found = negate(parse_condition(raw))
    assert found is not None
    assert describe(found) == opposite
    text = (
        build_fetchxml(Not(parse_condition(raw)), table="lead", schema=SCHEMA)
        if ("related" not in raw)
        else ""
    )
    assert "not" not in text.split()


def test_a_negation_with_a_part_that_has_no_counterpart_has_none():
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
def test_a_restricted_outer_link_is_null_where_no_row_is_left(condition, expected):
    text = f'{OUTER}<filter><condition entityname="x" {condition}/></filter>'
    assert read(text, table="lead", schema=SCHEMA) == expected.replace(
        "({}", "(city eq Rome"
    ).replace("{}", "(city eq Rome)")


TASKS = '<link-entity name="task" from="regardingobjectid" to="leadid" link-type="outer" alias="t"'


@pytest.mark.parametrize("key", ["taskid", "regardingobjectid"])
def test_an_outer_link_to_many_rows_can_be_asked_whether_there_are_some(key):
    asked = f'<condition entityname="t" attribute="{key}" operator="null"/>'
    assert read(f"{TASKS}/>{asked}", schema=SCHEMA) == "Lead_Tasks does not contain data"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ('attribute="city" operator="null"', "only the key can be asked for"),
        ('attribute="city" operator="eq" valueof="name"', "valueof has no place"),
    ],
)
def test_an_outer_link_to_many_rows_can_be_asked_nothing_else(condition, words):
    with pytest.raises(InvalidDocument, match=words):
        parse_fetchxml(f'{TASKS}/><condition entityname="t" {condition}/>', schema=SCHEMA)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('name="lead" from="parentaccountid" to="accountid"', "lead_parent_account"),
        ('name="lead" from="customerid" to="accountid"', "lead_customer_accounts"),
        ('name="contact" from="parentcustomerid" to="accountid"', "contact_customer_accounts"),
        ('name="connection" from="record2id" to="opportunityid"', "opportunity_connections2"),
    ],
)
def test_the_key_that_a_link_starts_from_tells_the_table(link, expected):
    text = f"<filter><link-entity {link} link-type='any'/></filter>"
    assert read(text, schema=STANDARD_TABLES) == f"{expected} contains data"


def test_filters_nested_too_deep_are_a_problem():
    condition = '<condition attribute="city" operator="null"/>'
    assert read("<filter>" * 49 + condition + "</filter>" * 49)
    with pytest.raises(InvalidDocument, match="flatten its filters"):
        parse_fetchxml("<filter>" * 51 + condition + "</filter>" * 51)


def test_a_link_that_fits_none_of_several_relations_is_a_problem():
    link = '<link-entity name="lead" from="masterid" to="accountid" link-type="any"/>'
    with pytest.raises(InvalidDocument, match="is not known"):
        parse_fetchxml(link, schema=STANDARD_TABLES)
