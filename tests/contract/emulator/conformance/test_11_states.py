"""Point 11: states, their status reasons, and closed rows."""

import pytest

from tests.contract.emulator.conftest import Api, error_of


def test_a_state_brings_its_default_status(api: Api) -> None:
    lead = api.create("leads", {"subject": "L"})
    for state, status in ((2, 4), (0, 1), (1, 3)):
        assert api.patch(f"leads({lead})", {"statecode": state}).status_code == 204
        row = api.get(f"leads({lead})?$select=statecode,statuscode").json()
        assert (row["statecode"], row["statuscode"]) == (state, status)


@pytest.mark.parametrize(
    ("entity_set", "body"),
    [
        ("leads", {"statecode": 1, "statuscode": 4}),
        ("leads", {"statuscode": 3}),
        ("opportunities", {"statecode": 2, "statuscode": 3}),
    ],
)
def test_a_status_of_another_state_is_refused(
    api: Api, entity_set: str, body: dict[str, int]
) -> None:
    name = "subject" if entity_set == "leads" else "name"
    row = api.create(entity_set, {name: "S"})
    assert error_of(api.patch(f"{entity_set}({row})", body)) == (400, "0x80048408")


@pytest.mark.parametrize(
    ("entity_set", "name", "code"),
    [("leads", "subject", "0x80040519"), ("opportunities", "name", "0x80040515")],
)
def test_closed_rows_are_read_only_until_they_are_opened(
    api: Api, entity_set: str, name: str, code: str
) -> None:
    row = api.create(entity_set, {name: "Closing"})
    assert api.patch(f"{entity_set}({row})", {"statecode": 2}).status_code == 204
    assert error_of(api.patch(f"{entity_set}({row})", {name: "No"})) == (400, code)
    assert api.patch(f"{entity_set}({row})", {"statecode": 0, name: "Yes"}).status_code == 204


LEAD = {0: (1, 2), 1: (3,), 2: (4, 5, 6, 7)}
OPPORTUNITY = {0: (1, 2), 1: (3,), 2: (4, 5)}


@pytest.mark.parametrize(
    ("entity_set", "column", "matrix"),
    [("leads", "subject", LEAD), ("opportunities", "name", OPPORTUNITY)],
    ids=["lead", "opportunity"],
)
def test_each_state_takes_its_own_status_reasons(
    api: Api, entity_set: str, column: str, matrix: dict[int, tuple[int, ...]]
) -> None:
    reasons = {reason for row in matrix.values() for reason in row}
    for state, own in matrix.items():
        for reason in reasons:
            path = f"{entity_set}({api.create(entity_set, {column: 'S'})})"
            answer = api.patch(path, {"statecode": state, "statuscode": reason})
            assert answer.status_code == (204 if reason in own else 400), (state, reason)
