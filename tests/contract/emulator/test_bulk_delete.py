"""BulkDelete: queries of the SDK's kind name the rows, the job is a row that can be polled."""

from typing import Any

import pytest

from tests.contract.emulator.conftest import Api, error_of

CRM = "Microsoft.Dynamics.CRM"


def condition(attribute: str, operator: str, *values: Any) -> dict[str, Any]:
    typed = [{"Value": value, "Type": "System.String"} for value in values]
    return {"AttributeName": attribute, "Operator": operator, "Values": typed}


def query(entity: str, *conditions: Any, **more: Any) -> dict[str, Any]:
    criteria = {"FilterOperator": more.pop("joined", "And"), "Conditions": list(conditions)}
    return {
        "@odata.type": f"{CRM}.QueryExpression",
        "EntityName": entity,
        "Criteria": {**criteria, "Filters": more.pop("filters", [])},
        **more,
    }


def delete(api: Api, *queries: dict[str, Any]) -> Any:
    body = {"JobName": "Tidy", "QuerySet": list(queries), "RecurrencePattern": ""}
    return api.call("POST", "BulkDelete", json=body)


def subjects(api: Api) -> list[str]:
    rows = api.rows("leads?$select=subject&$filter=startswith(subject,'D-')&$orderby=subject")
    return [row["subject"] for row in rows]


@pytest.fixture
def leads(api: Api) -> list[str]:
    return [
        api.create("leads", {"subject": f"D-{n}", "revenue": n * 10, "firstname": f"F{n % 2}"})
        for n in range(6)
    ]


def test_the_rows_a_query_names_are_gone_and_the_job_tells_it(api: Api, leads: list[str]) -> None:
    answer = delete(api, query("lead", condition("leadid", "In", *leads[:3])))
    assert answer.status_code == 200
    job = api.get(f"asyncoperations({answer.json()['JobId']})").json()
    assert (job["statecode"], job["statuscode"], job["operationtype"]) == (3, 30, 13)
    assert (job["name"], job["_ownerid_value"]) == ("Tidy", api.get("WhoAmI").json()["UserId"])
    counts = api.rows(
        "bulkdeleteoperations?$select=successcount,failurecount&$filter=_asyncoperationid_value "
        f"eq {answer.json()['JobId']}"
    )
    assert [(row["successcount"], row["failurecount"]) for row in counts] == [(3, 0)]
    assert subjects(api) == ["D-3", "D-4", "D-5"]


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        ([condition("revenue", "GreaterEqual", "20")], ["D-0", "D-1"]),
        ([condition("subject", "BeginsWith", "D-"), condition("revenue", "Between", 10, 30)],
         ["D-0", "D-4", "D-5"]),
        ([condition("subject", "Equal", "d-4"), condition("revenue", "NotNull")],
         ["D-0", "D-1", "D-2", "D-3", "D-5"]),
        ([condition("subject", "Like", "D-%"), condition("createdon", "OlderThanXDays", 3)],
         ["D-0", "D-1", "D-2", "D-3", "D-4", "D-5"]),
        ([condition("subject", "Like", "D-%"), condition("createdon", "Last7Days")], []),
    ],
)  # fmt: skip
def test_operators_of_the_sdk_find_what_they_mean(
    api: Api, leads: list[str], criteria: list[Any], left: list[str]
) -> None:
    assert delete(api, query("lead", *criteria)).status_code == 200
    assert subjects(api) == left


def test_filters_nest_and_links_lead_to_other_tables(api: Api, leads: list[str]) -> None:
    account = api.create("accounts", {"name": "Doomed"})
    api.patch(f"leads({leads[1]})", {"parentaccountid@odata.bind": f"/accounts({account})"})
    either = {
        "FilterOperator": "Or",
        "Conditions": [condition("subject", "Equal", "D-4"), condition("subject", "Equal", "D-5")],
    }
    link = {
        "LinkFromAttributeName": "parentaccountid",
        "LinkToAttributeName": "accountid",
        "LinkToEntityName": "account",
        "JoinOperator": "Inner",
        "LinkCriteria": {"Conditions": [condition("name", "Equal", "Doomed")]},
    }
    answer = delete(
        api,
        query("lead", condition("firstname", "Equal", "F0"), filters=[either]),
        query("lead", LinkEntities=[link]),
    )
    assert answer.status_code == 200
    assert subjects(api) == ["D-0", "D-2", "D-3", "D-5"]


def test_rows_that_cannot_go_are_counted_and_the_rest_goes(api: Api, leads: list[str]) -> None:
    owner = api.rows("leads?$select=_ownerid_value&$top=1")[0]["_ownerid_value"]
    lonely = api.create("systemusers", {"firstname": "No", "lastname": "Rows"})
    job = delete(api, query("systemuser", condition("systemuserid", "In", owner, lonely))).json()
    counts = api.rows(
        f"bulkdeleteoperations?$filter=_asyncoperationid_value eq {job['JobId']}"
        "&$select=successcount,failurecount"
    )
    assert [(row["successcount"], row["failurecount"]) for row in counts] == [(1, 1)]
    assert api.get(f"systemusers({owner})").status_code == 200
    assert api.get(f"systemusers({lonely})").status_code == 404


@pytest.mark.parametrize(
    ("queries", "status", "code"),
    [
        ([], 400, "0x80040203"),
        (["all of them"], 400, "0x80040203"),
        ([{"Criteria": {}}], 400, "0x80040203"),
        ([query("no_such_table")], 400, "0x80041102"),
        ([query("lead", condition("nothing", "Equal", 1))], 400, "0x80041103"),
        ([query("lead", {"AttributeName": "subject"})], 400, "0x80040203"),
        ([query("lead", joined="Xor")], 400, "0x80040203"),
        ([query("lead", condition("subject", "Resembles", "x"))], 400, "0x80040203"),
        ([query("lead", TopCount="x")], 400, "0x80040203"),
        ([query("lead", LinkEntities=[{"JoinOperator": "Natural"}])], 501, "0x80060888"),
    ],
)
def test_queries_that_cannot_be_read_delete_nothing(
    api: Api, leads: list[str], queries: list[Any], status: int, code: str
) -> None:
    assert error_of(delete(api, query("lead", condition("leadid", "In", leads[0])), *queries)
                    if queries else delete(api)) == (status, code)  # fmt: skip
    assert len(subjects(api)) == 6


def test_a_recurring_job_is_refused(api: Api, leads: list[str]) -> None:
    body = {"QuerySet": [query("lead")], "RecurrencePattern": "FREQ=DAILY;INTERVAL=1"}
    answer = api.call("POST", "BulkDelete", json=body)
    assert answer.status_code == 501
    assert "recurring" in answer.json()["error"]["message"]
    assert len(subjects(api)) == 6


def test_deleting_needs_the_privilege_on_the_table(api: Api, leads: list[str]) -> None:
    from connector.emulator.organization.organization import ADMINISTRATOR_ROLE_ID

    roles = api.server.privileges.roles
    roles.grant(ADMINISTRATOR_ROLE_ID, "Delete", "lead", depth=0)
    try:
        assert error_of(delete(api, query("lead"))) == (403, "0x80040220")
    finally:
        roles.grants[ADMINISTRATOR_ROLE_ID].pop(("Delete", "lead"))
    assert len(subjects(api)) == 6
