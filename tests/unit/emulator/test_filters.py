"""What `$filter` finds, with SQL Server's comparison rules, and how it refuses."""

from collections.abc import Callable

import pytest

from connector.emulator.protocol.errors import ODataError
from tests.unit.emulator.conftest import ABE, CHILD, ROOT, TEAM, ZOE, Reader, guid

Leads = Callable[[str], list[int]]
CRM = "Microsoft.Dynamics.CRM."


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("statecode eq 0", [0, 3, 6]),
        ("0 eq statecode", [0, 3, 6]),
        ("statecode ne 0 and donotemail eq true", [1, 5, 7]),
        ("donotemail", [1, 3, 5, 7]),
        ("not donotemail", [0, 2, 4, 6]),
        ("not (statecode eq 0 or statecode eq 1)", [2, 5]),
        ("statecode eq 0 or statecode eq 1 and donotemail eq false", [0, 3, 4, 6]),
        ("(statecode eq 0 or statecode eq 1) and donotemail eq false", [0, 4, 6]),
        ("revenue gt 5000", [5, 6, 7]),
        ("revenue ge 5002.5", [5, 6, 7]),
        ("5002.5 lt revenue", [6, 7]),
        ("revenue lt 1e3", [0]),
        ("score eq 1.5", [3]),
        ("true", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("false", []),
        ("null", []),
    ],
)
def test_operators_combine_as_odata_defines(
    leads: Leads, expression: str, expected: list[int]
) -> None:
    assert leads(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("subject eq 'fleet'", [5]),
        ("subject eq 'ümLAUT [A]'", [2]),
        ("subject eq 'O''Brien'", [3]),
        ("subject ge 'o'", [2, 3, 6, 7]),
        ("contains(subject,'LEET')", [0, 1, 5]),
        ("startswith(subject,'fleet')", [0, 1, 5]),
        ("endswith(subject,'%')", [0, 1, 2, 3, 5, 6, 7]),
        ("endswith(subject,'[%]')", [0]),
        ("contains(subject,'t_r')", [1]),
        ("startswith(subject,'[a-f]')", [0, 1, 5]),
        ("startswith(subject,'[^a-f]')", [2, 3, 6, 7]),
        ("subject eq 'f%'", [0, 1, 5]),
        ("subject ne 'f%'", [2, 3, 6, 7]),
        ("not contains(subject,'fleet')", [2, 3, 6, 7]),
        ("contains(subject,'fleet') eq false", [2, 3, 6, 7]),
        ("contains(subject,null)", []),
    ],
)
def test_text_is_compared_without_case_and_wildcards_are_live(
    leads: Leads, expression: str, expected: list[int]
) -> None:
    assert leads(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("subject eq null", [4]),
        ("subject ne null", [0, 1, 2, 3, 5, 6, 7]),
        ("subject ne 'fleet'", [0, 1, 2, 3, 6, 7]),
        ("not (subject eq 'fleet')", [0, 1, 2, 3, 6, 7]),
        ("revenue gt null", []),
        ("subject eq null or revenue eq 0", [0, 4]),
        ("ownerid ne null", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("parentaccountid eq null", [3, 7]),
        ("subject eq @missing", [4]),
    ],
)
def test_null_follows_three_valued_logic(
    leads: Leads, expression: str, expected: list[int]
) -> None:
    assert leads(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"_ownerid_value eq {ABE}", [1, 4, 7]),
        (f"_ownerid_value eq '{ABE.upper()}'", [1, 4, 7]),
        ("parentaccountid/name eq 'contoso'", [0, 4]),
        ("parentaccountid/parentaccountid/name eq 'contoso'", [1, 5]),
        ("parentaccountid/name eq null", [3, 7]),
        ("customerid_account/name eq 'Contoso'", [0, 3, 6]),
        ("customerid_systemuser/fullname eq 'zoe'", [1, 4, 7]),
        (f"ownerid/ownerid eq {TEAM}", [2, 5]),
        ("subject eq description", [1, 3, 5, 7]),
        ("score lt revenue", [1, 2, 3, 5, 6, 7]),
    ],
)
def test_lookups_paths_and_columns_of_one_row_compare(
    leads: Leads, expression: str, expected: list[int]
) -> None:
    assert leads(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("createdon ge 2026-03-17T12:00:00Z", [6, 7]),
        ("createdon gt 2026-03-17T12:00:00Z", [7]),
        ("createdon gt 2026-03-17T11:59:59.5Z", [6, 7]),
        ("createdon le 2026-03-11T12:00:00.25Z", [0]),
        ("createdon ge 2026-03-17T14:00:00+02:00", [6, 7]),
        ("createdon lt 2026-03-12", [0]),
        ("createdon lt '2026-03-12'", [0]),
        ("closedate eq 2026-01-15", [0, 6]),
    ],
)
def test_dates_compare_with_instants_and_days(
    leads: Leads, expression: str, expected: list[int]
) -> None:
    assert leads(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("lead_tags/any()", [0, 2]),
        ("not lead_tags/any()", [1, 3, 4, 5, 6, 7]),
        ("lead_tags/any(t:t/name eq 'cold')", [0]),
        ("lead_tags/all(t:t/name eq 'hot')", [1, 2, 3, 4, 5, 6, 7]),
        ("lead_tags/any(t:t/tag_leads/any(l:l/statecode eq 2))", [0, 2]),
        ("lead_tags/any(t:startswith(t/name,'h') and statecode eq 2)", None),
    ],
)
def test_lambdas_range_over_collections(
    leads: Leads, expression: str, expected: list[int] | None
) -> None:
    if expected is None:
        with pytest.raises(ODataError, match="statecode"):
            leads(expression)
    else:
        assert leads(expression) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("In(PropertyName='statecode',PropertyValues=['0','2'])", [0, 2, 3, 5, 6]),
        ('In(PropertyName="subject",PropertyValues=["FLEET"])', None),
        ('In(PropertyName=\'subject\',PropertyValues=["fleet","o\'brien"])', [3, 5]),
        ("NotIn(PropertyName='subject',PropertyValues=['fleet'])", [0, 1, 2, 3, 4, 6, 7]),
        (f"In(PropertyName='ownerid',PropertyValues=['{ABE}'])", [1, 4, 7]),
        ("Between(PropertyName='revenue',PropertyValues=[1000,3002])", [1, 2, 3]),
        ("NotBetween(PropertyName='revenue',PropertyValues=['1000','8000'])", [0, 4]),
        ("ContainValues(PropertyName='interests',PropertyValues=['1'])", [0, 4]),
        ("ContainValues(PropertyName='interests',PropertyValues=['1','13'])", [0, 3, 4, 7]),
        ("DoesNotContainValues(PropertyName='interests',PropertyValues=['3'])", [3, 7]),
        ("On(PropertyName='createdon',PropertyValue='2026-03-12')", [1]),
        ("On(PropertyName='createdon',PropertyValue=2026-03-12)", [1]),
        ("OnOrAfter(PropertyName='createdon',PropertyValue='2026-03-17')", [6, 7]),
        ("OnOrBefore(PropertyName='createdon',PropertyValue='2026-03-12T00:00:00Z')", [0, 1]),
        ("Today(PropertyName='createdon')", [7]),
        ("Yesterday(PropertyName='createdon')", [6]),
        ("Tomorrow(PropertyName='createdon')", []),
        ("ThisWeek(PropertyName='createdon')", [4, 5, 6, 7]),
        ("LastWeek(PropertyName='createdon')", [0, 1, 2, 3]),
        ("ThisMonth(PropertyName='createdon')", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("LastMonth(PropertyName='createdon')", []),
        ("NextMonth(PropertyName='closedate')", [3]),
        ("ThisYear(PropertyName='closedate')", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("Last7Days(PropertyName='createdon')", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("LastXDays(PropertyName='createdon',PropertyValue=2)", [5, 6, 7]),
        ("LastXHours(PropertyName='createdon',PropertyValue=4)", [7]),
        ("LastXHours(PropertyName='createdon',PropertyValue=3)", []),
        ("NextXMonths(PropertyName='closedate',PropertyValue=2)", [3, 4]),
        ("OlderThanXDays(PropertyName='createdon',PropertyValue=6)", [0]),
        ("OlderThanXHours(PropertyName='createdon',PropertyValue=27)", [0, 1, 2, 3, 4, 5, 6]),
        ("OlderThanXMonths(PropertyName='closedate',PropertyValue=1)", [0, 1, 6, 7]),
        ("InFiscalPeriod(PropertyName='closedate',PropertyValue=2)", [3, 4, 5]),
        ("InFiscalYear(PropertyName='closedate',PropertyValue=2026)", [0, 1, 2, 3, 4, 5, 6, 7]),
        (
            "InFiscalPeriodAndYear(PropertyName='closedate',PropertyValue1=2,PropertyValue2=2026)",
            [3, 4, 5],
        ),
        (
            (
                "InOrAfterFiscalPeriodAndYear(PropertyName='closedate',PropertyValue1=2,"
                "PropertyValue2=2026)"
            ),
            [3, 4, 5],
        ),
        ("NextFiscalPeriod(PropertyName='closedate')", [3, 4, 5]),
        ("ThisFiscalYear(PropertyName='closedate')", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("LastXFiscalPeriods(PropertyName='closedate',PropertyValue=1)", []),
        ("EqualUserId(PropertyName='ownerid')", [0, 3, 6]),
        ("NotEqualUserId(PropertyName='_ownerid_value')", [1, 2, 4, 5, 7]),
        ("EqualUserTeams(PropertyName='ownerid')", [2, 5]),
        ("EqualUserOrUserTeams(PropertyName='ownerid')", [0, 2, 3, 5, 6]),
        ("EqualUserOrUserHierarchy(PropertyName='ownerid')", [0, 1, 3, 4, 6, 7]),
        ("EqualUserLanguage(PropertyName='statecode')", []),
        ("EqualUserOrUserHierarchyAndTeams(PropertyName='ownerid')", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("EqualBusinessId(PropertyName='ownerid')", []),
        ("NotEqualBusinessId(PropertyName='parentaccountid')", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("In(PropertyName='donotemail',PropertyValues=[true])", [1, 3, 5, 7]),
        ("In(PropertyName='closedate',PropertyValues=['2026-01-15'])", [0, 6]),
        ("In(PropertyName='createdon',PropertyValues=['2026-03-11T13:00:00+01:00'])", [0]),
        ("On(PropertyName='closedate',PropertyValue='2026-02-15')", [1, 7]),
        ("LastXDays(PropertyName='closedate',PropertyValue=3)", [2]),
        (f"Under(PropertyName='parentaccountid',PropertyValue='{ROOT}')", [1, 2, 5, 6]),
        (f"UnderOrEqual(PropertyName='parentaccountid',PropertyValue='{CHILD}')", [1, 2, 5, 6]),
        (f"NotUnder(PropertyName='parentaccountid',PropertyValue='{ROOT}')", [0, 3, 4, 7]),
        (f"Above(PropertyName='parentaccountid',PropertyValue='{guid(12)}')", [0, 1, 4, 5]),
        (f"AboveOrEqual(PropertyName='parentaccountid',PropertyValue={guid(11)})", [0, 1, 4, 5]),
    ],
)
def test_query_functions_find_what_their_operator_means(
    leads: Leads, call: str, expected: list[int] | None
) -> None:
    if expected is None:
        with pytest.raises(ODataError):
            leads(CRM + call)
    else:
        assert leads(CRM + call) == expected


def test_functions_work_on_lambda_variables(leads: Leads) -> None:
    inner = f"t/{CRM}In(PropertyName='name',PropertyValues=['cold'])"
    assert leads(f"lead_tags/any(t:{inner})") == [0]


def test_aliases_stand_for_values_lists_and_columns(read: Reader) -> None:
    query = (
        f"$select=subject&$filter={CRM}In(PropertyName=@p1,PropertyValues=@p2) and @c eq @v"
        "&@p1='statecode'&@p2=[\"0\"]&@c=subject&@v='fleet 100[%25]'&$orderby=@c desc"
    )
    assert [row.values["subject"] for row in read(query).rows] == ["Fleet 100%"]


@pytest.mark.parametrize(
    ("expression", "status", "message"),
    [
        (
            "foo eq 1",
            400,
            "Could not find a property named 'foo' on type 'Microsoft.Dynamics.CRM.lead'.",
        ),
        (
            "parentaccountid/foo eq 1",
            400,
            "Could not find a property named 'foo' on type 'Microsoft.Dynamics.CRM.account'.",
        ),
        (
            "ownerid/fullname eq 'x'",
            400,
            "Could not find a property named 'fullname' on type 'Microsoft.Dynamics.CRM.principal'.",
        ),
        ("Subject eq 'x'", 400, "named 'Subject'"),
        ("ownerid eq 'x'", 400, "Could not find a property named 'ownerid'"),
        ("lastname eq 'O'Bryan'", 400, "There is an unterminated literal at position 21 in"),
        ("subject eq", 400, "Expression expected at position 10 in 'subject eq'."),
        ("(subject eq 'x'", 400, "')' or operator expected at position 15 in"),
        ("subject eq 'x' 'y'", 400, "Syntax error at position 15 in"),
        ("subject # 1", 400, "character '#' is not valid at position 8"),
        ("contains(subject", 400, "')' or ',' expected at position 16"),
        ("createdon gt 2026-13-01", 400, "Unrecognized 'Edm.Date' literal '2026-13-01' at '13'"),
        ("createdon gt 2026-01-01T00:00:00", 400, "Unrecognized 'Edm.DateTimeOffset' literal"),
        (
            "revenue eq 'x'",
            400,
            (
                "A binary operator with incompatible types was detected. Found operand types "
                "'Edm.Decimal' and 'Edm.String' for operator kind 'Equal'."
            ),
        ),
        ("subject gt 1", 400, "'Edm.String' and 'Edm.Int32' for operator kind 'GreaterThan'"),
        ("_ownerid_value eq 'x'", 400, "'Edm.Guid' and 'Edm.String'"),
        ("subject eq statecode", 400, "'Edm.String' and 'Edm.Int32'"),
        ("not statecode eq 0", 400, "Found operand type 'Edm.Int32' for operator kind 'Not'"),
        ("subject", 400, "must evaluate to a single boolean value"),
        ("'x'", 400, "must evaluate to a single boolean value"),
        ("contains(revenue,'1')", 400, "No function signature for the function with name"),
        ("contains(subject)", 400, "No function signature"),
        ("foo(subject)", 400, "An unknown function with name 'foo' was found."),
        ("tolower(subject) eq 'x'", 501, "The function 'tolower' is not supported"),
        ("statecode in (1,2)", 501, "The method or operation is not implemented"),
        ("revenue add 1 gt 2", 501, "operator 'add' at position 8"),
        (f"{CRM}Foo(PropertyName='x')", 400, "An unknown function with name"),
        (f"{CRM}In(PropertyName='subject')", 400, "expected PropertyName, PropertyValues"),
        (f"{CRM}On(PropertyName='subject',PropertyValue='x')", 400, "operator 'on' is not valid"),
        (f"{CRM}Today(PropertyName='foo')", 400, "Could not find a property named 'foo'"),
        (
            f"{CRM}LastXHours(PropertyName='closedate',PropertyValue=1)",
            400,
            "operator 'last-x-hours' is not valid for the column 'closedate'",
        ),
        (f"{CRM}LastXDays(PropertyName='createdon',PropertyValue='x')", 400, "is not valid for"),
        (f"{CRM}LastXYears(PropertyName='createdon',PropertyValue=99999)", 400, "outside of"),
        (f"{CRM}Between(PropertyName='revenue',PropertyValues=['1'])", 400, "requires 2 value"),
        (
            f"{CRM}In(PropertyName='subject',PropertyValues=['O'Brian'])",
            400,
            "Invalid JSON. A comma character ',' was expected in scope 'Array'.",
        ),
        (f"{CRM}Contains(PropertyName='subject',PropertyValue='x')", 501, "use contains()"),
        (f"{CRM}EqualRoleBusinessId(PropertyName='ownerid')", 501, "is not served"),
        ("foo.Bar(PropertyName='subject')", 400, "An unknown function with name 'foo.Bar'"),
        (f"{CRM}Today(PropertyName='createdon',Foo='x')", 400, "expected PropertyName"),
        (f"{CRM}Today(PropertyName=1)", 400, "expected PropertyName"),
        (f"{CRM}On(PropertyName='createdon',PropertyValue=null)", 400, "expected PropertyName"),
        (f"{CRM}On(PropertyName='createdon',PropertyValue=['x'])", 400, "expected PropertyName"),
        (f"{CRM}On(PropertyName='createdon',PropertyValue='x')", 400, "The value 'x' is not valid"),
        (f"{CRM}In(PropertyName='subject',PropertyValues='x')", 400, "expected PropertyName"),
        (f"{CRM}In(PropertyName='subject',PropertyValues=[{{}}])", 400, "expected PropertyName"),
        (f"{CRM}In(PropertyName='subject',PropertyValues=[])", 400, "requires 1 value"),
        (f"{CRM}EqualUserId(PropertyName='subject')", 400, "'eq-userid' is not valid for"),
        (f"{CRM}EqualUserLanguage(PropertyName='subject')", 400, "is not valid for the column"),
        (f"{CRM}Under(PropertyName='leadid',PropertyValue='{ROOT}')", 400, "'under' is not valid"),
        (f"{CRM}Under(PropertyName='parentaccountid',PropertyValue='x')", 400, "The value 'x' is"),
        (
            f"{CRM}ContainValues(PropertyName='subject',PropertyValues=['1'])",
            400,
            "is not valid for",
        ),
        (f"{CRM}InFiscalPeriod(PropertyName='createdon',PropertyValue=0)", 400, "'0' is not valid"),
        (f"{CRM}In(PropertyName='subject',PropertyName='x')", 400, "was given more than once"),
        ("1 eq 1", 400, "compare a property with a constant"),
        ("donotemail eq statecode", 400, "'Edm.Boolean' and 'Edm.Int32'"),
        ("parentaccountid/name eq subject", 400, "Only columns of the same table"),
        ("contains('x',subject)", 400, "No function signature"),
        ("contains(subject,'x') gt true", 400, "for operator kind 'GreaterThan'"),
        ("not 5", 400, "Found operand type 'Edm.Int32' for operator kind 'Not'"),
        ("lead_tags/any(t:t eq 1)", 400, "The range variable 't' is not a property"),
        ("foo/any()", 400, "Could not find a property named 'foo'"),
        ("lead_tags/foo(1)", 400, "An unknown function with name 'foo'"),
        ("createdon gt 0001-01-01T00:00:00+10:00", 400, "Unrecognized 'Edm.DateTimeOffset'"),
        ("revenue gt 1e999", 400, "Unrecognized 'Edm.Decimal' literal"),
        ("createdon gt 'x'", 400, "'Edm.DateTimeOffset' and 'Edm.String'"),
        ("closedate gt 1", 400, "'Edm.Date' and 'Edm.Int32'"),
        ("subject eq [", 400, "Unbalanced bracket expression at position 11"),
        ("subject 1x", 400, "Syntax error at position 8"),
        ("lead_tags/all()", 400, "Syntax error"),
        ("subject/any(x:x/y eq 1)", 400, "Any/All may only be used following a collection."),
        ("parentaccountid/lead_parentaccountid_account/any()", 501, "below the lookup"),
        ("lead_tags/name eq 'x'", 400, "The parent value for a property access of a property"),
        ("lead_tags/any(t:lead_tags/any(t:t/name eq 'x'))", 400, "already been declared"),
        ("(" * 80 + "true" + ")" * 80, 400, "Recursion depth exceeded allowed limit."),
        (" or ".join(["statecode eq 1"] * 501), 400, "Number of conditions in query exceeded"),
    ],
)
def test_refusals_say_what_and_where(
    leads: Leads, expression: str, status: int, message: str
) -> None:
    with pytest.raises(ODataError) as refusal:
        leads(expression)
    assert refusal.value.status == status
    assert message in refusal.value.message


def test_more_than_fifteen_joins_are_refused(leads: Leads) -> None:
    many = " or ".join("lead_tags/any(t:t/name eq 'x')" for _ in range(16))
    with pytest.raises(ODataError) as refusal:
        leads(many)
    assert refusal.value.code == "0x8004430d"


def test_five_hundred_conditions_are_served(leads: Leads) -> None:
    assert leads(" or ".join(["statecode eq 1"] * 500)) == [1, 4, 7]


def test_identity_follows_the_caller(leads: Leads) -> None:
    assert ZOE != ABE
    assert leads(f"{CRM}EqualUserId(PropertyName='ownerid') and _ownerid_value eq {ZOE}") == [
        0,
        3,
        6,
    ]
