"""Point 12: `$batch` and the bulk messages."""

import re
from typing import Any
from urllib.parse import quote

import requests

from connector.emulator.organization.organization import fixed_id
from tests.contract.emulator.conftest import Api, error_of

CREATE = (
    "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\ncontent-id: {id}\r\n\r\n"
    "POST {root}{target} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
)
SET = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{members}--c--\r\n"
ENVELOPE = {"Content-Type": "multipart/mixed; boundary=b"}
BOUND = "Microsoft.Dynamics.CRM"
LEAD = "Microsoft.Dynamics.CRM.lead"


def part(request: str, *headers: str) -> str:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary", *headers]
    return "\r\n".join(["--b", *head, "", f"{request} HTTP/1.1", "", "", ""])


def batch(api: Api, *parts: str, **headers: str) -> requests.Response:
    text = "".join(parts) + "--b--\r\n"
    return api.call("POST", "$batch", data=text.encode(), headers={**ENVELOPE, **headers})


def bulk(api: Api, message: str, targets: list[dict[str, Any]], entity_set: str = "leads") -> Any:
    return api.call("POST", f"{entity_set}/{BOUND}.{message}", json={"Targets": targets})


def test_a_change_set_is_one_transaction_with_references(api: Api) -> None:
    members = CREATE.format(
        id=0, root="/api/data/v9.2/", target="accounts", body='{"name":"in set"}'
    )
    members += CREATE.format(
        id=1,
        root=f"{api.root}/",
        target="leads",
        body='{"subject":"in set","lastname":"X","parentaccountid@odata.bind":"$0"}',
    )
    answer = batch(api, SET.format(members=members))
    assert answer.status_code == 200, answer.text
    assert answer.text.count("HTTP/1.1 204 No Content") == 2
    assert "Content-ID: 1" in answer.text
    assert re.search(r"Location: http://[^ ]*/leads\([0-9a-f-]{36}\)\r\n", answer.text)
    (row,) = api.rows("leads?$filter=parentaccountid/name eq 'in set'&$select=subject")
    assert row["subject"] == "in set"


def failing_set() -> str:
    members = CREATE.format(id=1, root="", target="accounts", body='{"name":"undone"}')
    members += CREATE.format(id=2, root="", target="leads", body='{"nonsense":1}')
    members += CREATE.format(id=3, root="", target="leads", body='{"nonsense":2}')
    return SET.format(members=members)


def test_a_failed_change_set_is_one_error_part(api: Api) -> None:
    answer = batch(api, failing_set(), part("GET leads?$top=1"))
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert answer.text.count("boundary=changesetresponse_") == 1
    assert answer.text.count("HTTP/1.1 ") == 1
    assert "REQ_ID: " in answer.text


def test_a_failed_change_set_leaves_nothing_behind(api: Api) -> None:
    batch(api, failing_set())
    assert api.rows("accounts?$filter=name eq 'undone'") == []


def test_a_malformed_batch_is_answered_as_json(api: Api) -> None:
    answer = api.call("POST", "$batch", data=b"nothing of the kind", headers=ENVELOPE)
    assert error_of(answer) == (400, "0x80048d19")


def test_a_thousand_and_one_requests_are_too_many(api: Api) -> None:
    whole = batch(api, part("GET /api/data/v9.2/WhoAmI") * 1_000)
    assert (whole.status_code, whole.text.count("HTTP/1.1 200")) == (200, 1_000)
    more = batch(api, part("GET /api/data/v9.2/WhoAmI") * 1_001)
    assert (more.status_code, "1000" in more.text) == (400, True)


def test_a_batch_within_a_batch_is_refused(api: Api) -> None:
    assert batch(api, part("POST /api/data/v9.2/$batch")).status_code == 400


def test_many_rows_are_created_changed_and_upserted(api: Api) -> None:
    made = bulk(
        api, "CreateMultiple", [{"@odata.type": LEAD, "subject": f"B{n}"} for n in range(3)]
    )
    assert made.json()["@odata.context"].endswith("CreateMultipleResponse")
    ids = made.json()["Ids"]
    changed = [{"@odata.type": LEAD, "leadid": each, "subject": "C"} for each in ids]
    assert bulk(api, "UpdateMultiple", changed).status_code == 204
    upserts = [
        {"@odata.type": LEAD, "@odata.id": f"leads({ids[0]})", "subject": "D"},
        {"@odata.type": LEAD, "@odata.id": f"leads({fixed_id('fresh')})", "subject": "D"},
    ]
    assert bulk(api, "UpsertMultiple", upserts).status_code == 204
    assert len(api.rows("leads?$filter=subject eq 'D'")) == 2
    assert len(api.rows("leads?$filter=subject eq 'C'")) == 2


def test_bulk_messages_are_all_or_nothing(api: Api) -> None:
    targets = [{"@odata.type": LEAD, "subject": "Ok"}, {"@odata.type": LEAD, "subject": "x" * 99}]
    assert error_of(bulk(api, "CreateMultiple", targets)) == (400, "0x80044331")
    assert api.rows("leads?$filter=subject eq 'Ok'") == []


def test_repeated_targets_are_ignored_in_updates_and_refused_in_upserts(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    twice = [
        {"@odata.type": LEAD, "leadid": lead, "subject": "first"},
        {"@odata.type": LEAD, "leadid": lead, "subject": "second"},
    ]
    assert bulk(api, "UpdateMultiple", twice).status_code == 204
    assert api.get(f"leads({lead})?$select=subject").json()["subject"] == "first"
    twice = [{**each, "@odata.id": f"leads({lead})"} for each in twice]
    assert bulk(api, "UpsertMultiple", twice).status_code == 400


def test_not_every_table_has_bulk_messages(api: Api) -> None:
    target = {"@odata.type": "Microsoft.Dynamics.CRM.systemuser", "lastname": "x"}
    assert bulk(api, "CreateMultiple", [target], "systemusers").status_code == 400
    assert bulk(api, "DeleteMultiple", [{"@odata.type": LEAD}]).status_code == 501
    path = (
        "sdkmessagefilters?$select=sdkmessagefilterid&$filter=sdkmessageid/name eq @m and "
        "primaryobjecttypecode eq @t&@m='UpdateMultiple'&@t='{}'"
    )
    assert len(api.rows(path.format("lead"))) == 1
    assert api.rows(path.format("systemuser")) == []


def test_a_long_fetchxml_fits_into_a_batch(api: Api) -> None:
    values = "".join(f"<value>{'x' * 30}{number}</value>" for number in range(800))
    text = (
        '<fetch><entity name="lead"><filter><condition attribute="subject" operator="in">'
        f"{values}</condition></filter></entity></fetch>"
    )
    url = f"leads?fetchXml={quote(text, safe='/<>=')}"
    assert 32_768 < len(url) < 65_536
    assert api.get(url).status_code == 414
    answer = batch(api, part(f"GET {url}"))
    assert answer.status_code == 200, answer.text
    assert '"value":[]' in answer.text


def test_a_long_url_is_refused_alone_and_served_in_a_batch(api: Api) -> None:
    query = "leads?$top=1&$filter=" + "%20or%20".join(
        ["subject%20eq%20%27" + "x" * 60 + "%27"] * 400
    )
    assert 32_768 < len(query) < 65_536
    assert api.get(query).status_code == 414
    answer = batch(api, part(f"GET /api/data/v9.2/{query}"))
    assert (answer.status_code, "HTTP/1.1 200" in answer.text) == (200, True)


def test_parts_are_answered_in_their_order(api: Api) -> None:
    answer = batch(api, part("GET WhoAmI"), part("GET leads?$top=1"))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    kind = "Content-Type: application/json; odata.metadata=minimal; odata.streaming=true"
    assert answer.text.count(kind) == 2
    assert answer.text.index("WhoAmIResponse") < answer.text.index("$metadata#leads")


def test_a_failing_part_ends_the_batch_and_gives_it_its_status(api: Api) -> None:
    answer = batch(api, part("GET WhoAmI"), part("GET leads?$select=x"), part("GET WhoAmI"))
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert re.findall(r"HTTP/1.1 (\d+)", answer.text) == ["200", "400"]
    assert "0x80060888" in answer.text


def test_every_part_is_answered_when_told_to_go_on(api: Api) -> None:
    parts = (part("GET WhoAmI"), failing_set(), part("GET leads?$select=x"), part("GET WhoAmI"))
    answer = batch(api, *parts, Prefer="odata.continue-on-error")
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (
        200,
        "odata.continue-on-error",
    )
    assert re.findall(r"HTTP/1.1 (\d+)", answer.text) == ["200", "400", "400", "200"]


def test_members_of_a_change_set_need_a_content_id(api: Api) -> None:
    member = part(f"DELETE /api/data/v9.2/leads({fixed_id('none')})").replace("--b", "--c")
    answer = batch(api, SET.format(members=member))
    assert (answer.status_code, "Content-ID header not present" in answer.text) == (400, True)


def test_a_change_set_takes_no_reads(api: Api) -> None:
    member = part("GET /api/data/v9.2/WhoAmI", "Content-ID: 1").replace("--b", "--c")
    answer = batch(api, SET.format(members=member))
    assert (answer.status_code, "only support the HTTP methods" in answer.text) == (400, True)


def test_a_reference_to_what_was_not_created_is_refused(api: Api) -> None:
    body = '{"parentaccountid@odata.bind":"$7"}'
    answer = batch(api, SET.format(members=CREATE.format(id=1, root="", target="leads", body=body)))
    message = "Content-ID Reference: '$7' does not exist in the batch context."
    assert (answer.status_code, message in answer.text) == (400, True)
