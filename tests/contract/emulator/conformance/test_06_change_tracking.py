"""Change tracking: the first read, deltas, deletions, expiry."""

from datetime import timedelta

import pytest

from connector.emulator.organization.organization import ADMINISTRATOR_ROLE_ID
from connector.emulator.organization.privileges import GLOBAL, LOCAL
from tests.contract.emulator.conftest import TRACK, Api, error_of, track


def test_the_first_read_gives_every_row_and_a_link(api: Api) -> None:
    answer = api.get("leads?$select=subject", headers=TRACK)
    assert answer.headers["Preference-Applied"] == "odata.track-changes"
    document = answer.json()
    assert len(document["value"]) == 30
    assert "$select=subject&$deltatoken=" in document["@odata.deltaLink"]


def test_only_the_last_page_has_a_delta_link(api: Api) -> None:
    headers = {"Prefer": "odata.track-changes,odata.maxpagesize=20"}
    first = api.get("leads?$select=subject", headers=headers).json()
    assert "@odata.deltaLink" not in first
    second = api.get(first["@odata.nextLink"], headers=headers).json()
    assert "@odata.nextLink" not in second
    assert "@odata.deltaLink" in second
    assert len(first["value"]) + len(second["value"]) == 30


def test_nothing_changed_is_an_empty_list_and_a_link(api: Api) -> None:
    _, link = track(api)
    document = api.get(link).json()
    assert document["value"] == []
    assert document["@odata.context"].endswith("#leads(subject)/$delta")
    assert "@odata.deltaLink" in document


def test_changes_come_in_version_order_then_deletions(api: Api) -> None:
    entries, link = track(api)
    first, second, third = (entry["leadid"] for entry in entries[:3])
    for lead in (second, first):
        api.patch(f"leads({lead})", {"statecode": 0, "subject": "Changed"})
    api.call("DELETE", f"leads({third})")
    new = api.create("leads", {"subject": "New"})
    value = api.get(link).json()["value"]
    assert [entry.get("leadid") for entry in value[:3]] == [second, first, new]
    assert {"subject", "leadid", "@odata.etag"} == set(value[0])
    assert value[3]["@odata.context"].endswith("/$metadata#leads/$deletedEntity")
    assert (value[3]["id"], value[3]["reason"]) == (third, "deleted")


def test_a_row_that_came_and_went_is_only_a_deletion(api: Api) -> None:
    _, link = track(api)
    ghost = api.create("leads", {"subject": "Ghost"})
    api.call("DELETE", f"leads({ghost})")
    assert [entry["id"] for entry in api.get(link).json()["value"]] == [ghost]


def test_a_row_that_was_made_again_is_only_an_upsert(api: Api) -> None:
    entries, link = track(api)
    lead = entries[0]["leadid"]
    api.call("DELETE", f"leads({lead})")
    api.patch(f"leads({lead})", {"subject": "Back"})
    value = api.get(link).json()["value"]
    assert [entry.get("leadid") for entry in value] == [lead]


def test_a_delta_is_paged_across_upserts_and_deletions(api: Api) -> None:
    entries, link = track(api)
    leads = [entry["leadid"] for entry in entries]
    for lead in leads[:5]:
        api.patch(f"leads({lead})", {"statecode": 0, "subject": "Moved"})
    for lead in leads[5:12]:
        api.call("DELETE", f"leads({lead})")
    headers = {"Prefer": "odata.maxpagesize=4"}
    document = api.get(link, headers=headers).json()
    pages = [document["value"]]
    while "@odata.nextLink" in document:
        document = api.get(document["@odata.nextLink"], headers=headers).json()
        pages.append(document["value"])
    flat = [entry for page in pages for entry in page]
    assert [len(page) for page in pages] == [4, 4, 4]
    assert {entry["leadid"] for entry in flat if "leadid" in entry} == set(leads[:5])
    assert {entry["id"] for entry in flat if "id" in entry} == set(leads[5:12])


def test_pending_changes_are_counted(api: Api) -> None:
    entries, link = track(api)
    api.patch(f"leads({entries[0]['leadid']})", {"statecode": 0})
    api.call("DELETE", f"leads({entries[1]['leadid']})")
    token = link.rpartition("$deltatoken=")[2]
    assert api.get(f"leads/$count?$deltatoken={token}").text == "2"


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("filter", "$filter=statecode eq 0"),
        ("orderby", "$orderby=subject"),
        ("expand", "$expand=ownerid"),
        ("top", "$top=3"),
    ],
)
def test_options_that_tracking_forbids_are_named(api: Api, name: str, option: str) -> None:
    answer = api.get(f"leads?{option}", headers=TRACK)
    assert error_of(answer) == (400, "0x80060888")
    assert answer.json()["error"]["message"] == (
        f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
    )


def test_a_table_without_tracking_refuses(api: Api) -> None:
    answer = api.get("calendars", headers=TRACK)
    assert error_of(answer) == (400, "0x80072491")
    assert "isn't enabled for change tracking" in answer.json()["error"]["message"]


def test_a_link_expires_with_the_organizations_setting(api: Api) -> None:
    _, link = track(api)
    api.server.clock.advance(timedelta(days=7, seconds=1))
    token = refreshed(api)
    answer = token.get(link)
    assert error_of(answer) == (400, "0x80044352")
    organization = token.rows("organizations")[0]
    assert organization["expirechangetrackingindays"] == 7
    token.patch(
        f"organizations({organization['organizationid']})", {"expirechangetrackingindays": 30}
    )
    assert token.get(link).status_code == 200
    token.session.close()


def refreshed(api: Api) -> Api:
    from tests.contract.emulator.conftest import sign_in

    return sign_in(api.server)


def test_a_changed_definition_expires_links_of_its_table(api: Api) -> None:
    _, leads = track(api)
    _, accounts = track(api, "accounts?$select=name")
    api.control("POST", "faults", {"kind": "metadata_change", "table": "lead", "path": "WhoAmI"})
    api.get("WhoAmI")
    assert error_of(api.get(leads)) == (400, "0x80044352")
    assert api.get(accounts).status_code == 200
    _, again = track(api)
    assert api.get(again).status_code == 200


def test_links_of_another_organization_are_refused(api: Api) -> None:
    _, link = track(api)
    head, _, token = link.rpartition("$deltatoken=")
    assert error_of(api.get(f"{head}$deltatoken=99{token}")) == (400, "0x80044352")
    assert api.get(f"{head}$deltatoken=nonsense").status_code == 400


def test_tracking_needs_organization_wide_read(api: Api) -> None:
    roles = api.server.privileges.roles
    roles.grant(ADMINISTRATOR_ROLE_ID, "Read", "lead", LOCAL)
    try:
        assert error_of(api.get("leads?$select=subject", headers=TRACK)) == (403, "0x80040220")
    finally:
        roles.grant(ADMINISTRATOR_ROLE_ID, "Read", "lead", GLOBAL)


def test_an_altered_tracked_link_is_refused(api: Api) -> None:
    headers = {"Prefer": "odata.track-changes,odata.maxpagesize=10"}
    link = api.get("leads?$select=subject", headers=headers).json()["@odata.nextLink"]
    altered = link.replace("page%253D%252522", "page%253D%2525223")
    for wrong in (link.replace("$select=subject", "$select=lastname"), altered + "x"):
        assert api.get(wrong, headers=headers).status_code == 400


def test_tracking_is_a_flag_of_each_table(api: Api) -> None:
    flags = api.rows("EntityDefinitions?$select=EntitySetName,ChangeTrackingEnabled")
    told = {each["EntitySetName"]: each["ChangeTrackingEnabled"] for each in flags}
    assert (told["leads"], told["calendars"]) == (True, False)
    for entity_set, status in (("leads", 200), ("calendars", 400)):
        assert api.get(entity_set, headers=TRACK).status_code == status


def test_a_link_keeps_the_columns_that_were_selected(api: Api) -> None:
    entries, link = track(api, "leads?$select=subject,statuscode")
    assert "$select=subject,statuscode&$deltatoken=" in link
    api.patch(f"leads({entries[0]['leadid']})", {"statecode": 0, "description": "not selected"})
    (changed,) = api.get(link).json()["value"]
    assert set(changed) == {"@odata.etag", "subject", "statuscode", "leadid"}


def test_a_deleted_row_is_told_by_id_and_reason_alone(api: Api) -> None:
    entries, link = track(api)
    lead = entries[0]["leadid"]
    api.call("DELETE", f"leads({lead})")
    assert api.get(link).json()["value"] == [
        {
            "@odata.context": f"{api.root}/$metadata#leads/$deletedEntity",
            "id": lead,
            "reason": "deleted",
        }
    ]


def test_an_expired_link_asks_for_a_full_read(api: Api) -> None:
    _, link = track(api)
    api.control("POST", "faults", {"kind": "expired_delta_token", "path": "leads"})
    answer = api.get(link)
    assert error_of(answer) == (400, "0x80044352")
    assert answer.json()["error"]["message"] == (
        "Version stamp associated with the client has expired. Please perform a full sync."
    )
    _, again = track(api)
    assert api.get(again).status_code == 200
