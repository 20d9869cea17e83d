"""What the cycle may expect of an environment, asked of the real client over the emulator and of
the fake that stands in for both: a test of the cycle proves nothing where the two differ.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from connector.dataverse.writes.sender import WriteWay
from connector.errors import ResyncRequired
from connector.ports import (
    IS_ACTIVE,
    Comparator,
    Comparison,
    RowWrite,
    TableQuery,
    WriteOutcome,
    WriteResult,
    equals,
)
from engine.errors import ConfigProblem
from engine.records import EntityReference, Row
from tests.contract.mirrors import LEADS, Mirror
from tests.contract.stages import EmulatorStage, FakeStage, Stage
from tests.support.builders import guid

LABEL = "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"
A, B, C = guid(101), guid(102), guid(103)

STAGES: Mapping[str, Callable[[], Stage]] = {
    "client, single requests": lambda: EmulatorStage(WriteWay.PARALLEL),
    "client, batches": lambda: EmulatorStage(WriteWay.BATCH),
    "fake": FakeStage,
}


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    opened = STAGES[request.param]()
    yield opened
    opened.close()


ANSWERING = pytest.mark.parametrize("stage", ["client, single requests", "fake"], indirect=True)
"""Where single rows can be made to be refused: the emulator's faults know no parts of a batch."""


@pytest.fixture
def mirror(stage: Stage) -> Mirror:
    return Mirror(stage)


def read(stage: Stage, *ids: str, query: TableQuery = LEADS) -> dict[str, Row]:
    found = stage.environment.fetch_rows(query, ids)
    return {str(row[f"{query.table}id"]): row for row in found}


def version_of(stage: Stage, row_id: str) -> str:
    return str(read(stage, row_id)[row_id]["@odata.etag"])


def write(stage: Stage, row_id: str, *, etag: str | None = "now", **parts: Any) -> WriteResult:
    """One write on top of the version that the row has now, or of another."""
    version = version_of(stage, row_id) if etag == "now" else etag
    asked = RowWrite(table="lead", id=row_id, etag=version, **parts)
    (result,) = stage.environment.write_rows([asked])
    return result


def give(stage: Stage, row_id: str, to: EntityReference | None = None, **parts: Any) -> WriteResult:
    return write(stage, row_id, binds={"ownerid": to or stage.sellers[0]}, **parts)


# Reading.


def test_an_empty_table_is_one_empty_page(mirror: Mirror) -> None:
    assert mirror.follow() == ([], [])
    assert mirror.pages == [0]


def test_pages_bring_every_row_once(stage: Stage, mirror: Mirror) -> None:
    for number in range(7):
        stage.put("lead", guid(number), subject=f"n{number}")
    came, gone = mirror.follow()
    assert sorted(came) == [guid(number) for number in range(7)]
    assert (gone, mirror.pages) == ([], [3, 3, 1])


def test_a_row_has_its_id_its_version_and_the_columns_asked_for(
    stage: Stage, mirror: Mirror
) -> None:
    stage.put("lead", A, subject="x")
    stage.assign(A, stage.sellers[1])
    mirror.follow()
    (row,) = mirror.rows.values()
    plain = {name: value for name, value in row.items() if "@" not in name}
    assert plain == {
        "leadid": A,
        "subject": "x",
        "revenue": None,
        "statecode": 0,
        "_ownerid_value": stage.sellers[1].id,
        "_modifiedby_value": row["_modifiedby_value"],
    }
    assert row[LABEL] == "systemuser"
    assert row["@odata.etag"] == version_of(stage, A)


def test_an_unchanged_table_has_an_empty_delta(stage: Stage, mirror: Mirror) -> None:
    stage.put("lead", A, subject="x")
    mirror.follow()
    assert mirror.follow() == ([], [])
    assert mirror.follow() == ([], [])


def test_a_delta_brings_what_is_new_changed_and_gone(stage: Stage, mirror: Mirror) -> None:
    for row_id in (A, B):
        stage.put("lead", row_id, subject="x")
    mirror.follow()
    stage.put("lead", A, subject="y")
    stage.put("lead", A, subject="z")
    stage.put("lead", C, subject="x")
    stage.delete("lead", B)
    came, gone = mirror.follow()
    assert (sorted(came), gone) == ([A, C], [B])
    assert mirror.rows[A]["subject"] == "z"
    assert mirror.follow() == ([], [])


def test_a_link_can_be_followed_again(stage: Stage, mirror: Mirror) -> None:
    """A process that died before it noted the new link reads the same changes again."""
    mirror.follow()
    link = mirror.link
    stage.put("lead", A, subject="x")
    assert mirror.follow() == ([A], [])
    mirror.link = link
    stage.delete("lead", A)
    assert mirror.follow() == ([], [A])


def test_a_row_that_came_and_went_between_two_deltas_is_no_row(
    stage: Stage, mirror: Mirror
) -> None:
    mirror.follow()
    stage.put("lead", A, subject="x")
    stage.delete("lead", A)
    came, _ = mirror.follow()
    assert came == []


def test_a_row_that_was_made_anew_comes_as_it_is_now(stage: Stage, mirror: Mirror) -> None:
    stage.put("lead", A, subject="x")
    mirror.follow()
    stage.delete("lead", A)
    stage.put("lead", A, subject="y")
    assert mirror.follow() == ([A], [])
    assert mirror.rows[A]["subject"] == "y"


def test_what_changes_between_two_pages_is_not_lost(stage: Stage, mirror: Mirror) -> None:
    for number in range(7):
        stage.put("lead", guid(number), subject="old")
    left = [guid(0), guid(5)]

    def change() -> None:
        if left:
            stage.put("lead", left.pop(), subject="new")

    mirror.follow(change)
    mirror.follow()
    assert {row_id for row_id, row in mirror.rows.items() if row["subject"] == "new"} == {
        guid(0),
        guid(5),
    }


def test_what_is_deleted_between_two_pages_is_gone_in_the_end(stage: Stage, mirror: Mirror) -> None:
    for number in range(9):
        stage.put("lead", guid(number), subject="old")
    left = [guid(0), guid(8)]

    def change() -> None:
        if left:
            stage.delete("lead", left.pop())

    mirror.follow(change)
    mirror.follow()
    assert sorted(mirror.rows) == [guid(number) for number in range(1, 8)]


def test_an_expired_link_asks_for_a_full_read(stage: Stage, mirror: Mirror) -> None:
    stage.put("lead", A, subject="x")
    mirror.follow()
    stage.expire_links()
    with pytest.raises(ResyncRequired):
        mirror.follow()
    mirror.link = None
    assert mirror.follow() == ([A], [])
    assert mirror.follow() == ([], [])


def test_rows_are_read_by_id_and_those_that_are_gone_are_absent(stage: Stage) -> None:
    for row_id in (A, B):
        stage.put("lead", row_id, subject=row_id[-1])
    found = read(stage, B, C, A)
    assert {row_id: row["subject"] for row_id, row in found.items()} == {A: "1", B: "2"}
    assert read(stage) == {}


def test_related_rows_come_nested_when_rows_are_read_by_id(stage: Stage, mirror: Mirror) -> None:
    query = TableQuery(table="lead", columns=("subject",), expand={"parentaccountid": ("name",)})
    for row_id in (A, B):
        stage.put("lead", row_id, subject="x")
    stage.put("account", C, name="Contoso")
    stage.relate(A, C)
    found = read(stage, A, B, query=query)
    account = found[A]["parentaccountid"]
    assert isinstance(account, Mapping)
    assert (account["name"], found[B]["parentaccountid"]) == ("Contoso", None)


def test_versions_are_those_of_the_rows(stage: Stage) -> None:
    for number in range(7):
        stage.put("lead", guid(number), subject="x")
    page = stage.environment.fetch_versions(LEADS)
    versions = dict(page.versions)
    while page.next_link is not None:
        page = stage.environment.fetch_versions(LEADS, page.next_link)
        versions |= page.versions
    found = read(stage, *versions)
    assert versions == {row_id: row["@odata.etag"] for row_id, row in found.items()}
    assert len(versions) == 7


def test_every_change_gives_a_row_another_version(stage: Stage) -> None:
    seen: set[str] = set()
    for subject in "abc":
        stage.put("lead", A, subject=subject)
        seen.add(version_of(stage, A))
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((), [A, B, C]),
        ((IS_ACTIVE,), [A, B, C]),
        ((equals("statecode", 1),), []),
        ((equals("subject", "B"),), [B]),
        ((equals("subject", "b"),), [B]),
        ((equals("subject", None),), [C]),
        ((Comparison("subject", Comparator.NE, None),), [A, B]),
        ((Comparison("subject", Comparator.NE, "a"),), [B]),
        ((Comparison("revenue", Comparator.GE, 20),), [B, C]),
        ((Comparison("revenue", Comparator.GT, 20),), [C]),
        ((Comparison("revenue", Comparator.LT, 20),), [A]),
        ((Comparison("revenue", Comparator.LE, 20), equals("subject", "a")), [A]),
        ((equals("leadid", B),), [B]),
    ],
    ids=str,
)
def test_small_tables_are_read_by_comparisons(
    stage: Stage, where: tuple[Comparison, ...], expected: list[str]
) -> None:
    stage.put("lead", A, subject="a", revenue=10)
    stage.put("lead", B, subject="B", revenue=20)
    stage.put("lead", C, revenue=30)
    found = stage.environment.read_rows("lead", ("subject",), where=where)
    assert sorted(str(row["leadid"]) for row in found) == expected


def test_small_tables_are_read_by_the_id_in_a_lookup(stage: Stage) -> None:
    for row_id in (A, B):
        stage.put("lead", row_id, subject="x")
    owner = stage.sellers[0]
    stage.assign(B, owner)
    where = (equals("_ownerid_value", owner.id),)
    found = list(stage.environment.read_rows("lead", ("_ownerid_value",), where=where))
    assert [row["leadid"] for row in found] == [B]
    assert found[0][LABEL] == "systemuser"


# Writing.


def test_what_is_written_is_there_under_the_version_that_was_told(
    stage: Stage, mirror: Mirror
) -> None:
    stage.put("lead", A, subject="x")
    mirror.follow()
    result = give(stage, A, columns={"subject": "y"})
    assert (result.table, result.id, result.outcome) == ("lead", A, WriteOutcome.APPLIED)
    assert mirror.follow() == ([A], [])
    row = mirror.rows[A]
    assert (row["_ownerid_value"], row[LABEL]) == (stage.sellers[0].id, "systemuser")
    assert (row["subject"], row["@odata.etag"]) == ("y", result.etag)


def test_our_changes_are_shown_as_ours_and_those_of_others_are_not(stage: Stage) -> None:
    we = stage.environment.who_am_i()
    assert we.user_id != we.organization_id
    stage.put("lead", A, subject="x")
    give(stage, A)
    assert read(stage, A)[A]["_modifiedby_value"] == we.user_id


def test_a_version_that_was_overtaken_is_a_conflict(stage: Stage) -> None:
    stage.put("lead", A, subject="x")
    old = version_of(stage, A)
    stage.put("lead", A, subject="y")
    result = give(stage, A, etag=old)
    assert (result.outcome, result.etag) == (WriteOutcome.CONFLICT, version_of(stage, A))
    assert read(stage, A)[A]["_ownerid_value"] != stage.sellers[0].id


def test_a_conflict_over_what_is_so_already_is_none(stage: Stage) -> None:
    stage.put("lead", A, subject="x")
    old = version_of(stage, A)
    stage.assign(A, stage.sellers[0])
    result = give(stage, A, etag=old)
    assert (result.outcome, result.etag) == (WriteOutcome.ALREADY_SO, version_of(stage, A))


def test_without_a_version_a_write_wins_over_any(stage: Stage) -> None:
    stage.put("lead", A, subject="x")
    assert give(stage, A, etag=None).outcome is WriteOutcome.APPLIED
    assert read(stage, A)[A]["_ownerid_value"] == stage.sellers[0].id


def test_a_row_that_is_gone_is_not_made_again(stage: Stage) -> None:
    stage.put("lead", A, subject="x")
    old = version_of(stage, A)
    stage.delete("lead", A)
    for etag in (old, None):
        assert give(stage, A, etag=etag).outcome is WriteOutcome.ROW_GONE
    assert read(stage, A) == {}


@ANSWERING
@pytest.mark.parametrize("outcome", [WriteOutcome.FORBIDDEN, WriteOutcome.REFUSED])
def test_what_is_forbidden_or_refused_says_why_and_changes_nothing(
    stage: Stage, outcome: WriteOutcome
) -> None:
    stage.put("lead", A, subject="x")
    stage.answer(A, outcome)
    before = read(stage, A)
    result = give(stage, A)
    assert result.outcome is outcome
    assert result.message
    assert read(stage, A) == before


@ANSWERING
def test_a_row_that_fails_does_not_stop_those_behind_it(stage: Stage) -> None:
    ids = [guid(number) for number in range(5)]
    for row_id in ids:
        stage.put("lead", row_id, subject="x")
    stage.answer(ids[1], WriteOutcome.REFUSED)
    stage.answer(ids[2], WriteOutcome.FORBIDDEN)
    binds = {"ownerid": stage.sellers[0]}
    writes = [
        RowWrite(table="lead", id=row_id, etag=version_of(stage, row_id), binds=binds)
        for row_id in ids
    ]
    stage.delete("lead", ids[3])
    outcomes = {each.id: each.outcome for each in stage.environment.write_rows(writes)}
    assert outcomes == {
        ids[0]: WriteOutcome.APPLIED,
        ids[1]: WriteOutcome.REFUSED,
        ids[2]: WriteOutcome.FORBIDDEN,
        ids[3]: WriteOutcome.ROW_GONE,
        ids[4]: WriteOutcome.APPLIED,
    }


def test_a_write_without_anything_to_write_is_so_already(stage: Stage) -> None:
    stage.put("lead", A, subject="x")
    result = write(stage, A)
    assert (result.outcome, result.etag) == (WriteOutcome.ALREADY_SO, version_of(stage, A))


def test_nothing_to_write_gives_no_result(stage: Stage) -> None:
    assert list(stage.environment.write_rows([])) == []


# Actions.


def test_a_row_goes_to_a_queue_once(stage: Stage) -> None:
    stage.put("lead", A, subject="x")
    outcomes = [write(stage, A, queue=stage.queue).outcome for _ in range(2)]
    assert outcomes == [WriteOutcome.APPLIED, WriteOutcome.ALREADY_SO]
    assert stage.queued() == [(A, stage.queue.id)]


def test_a_row_goes_to_a_queue_after_its_write_only(stage: Stage) -> None:
    for row_id in (A, B):
        stage.put("lead", row_id, subject="x")
    old = version_of(stage, B)
    stage.put("lead", B, subject="y")
    assert give(stage, A, queue=stage.queue).outcome is WriteOutcome.APPLIED
    assert give(stage, B, queue=stage.queue, etag=old).outcome is WriteOutcome.CONFLICT
    assert stage.queued() == [(A, stage.queue.id)]


def test_a_sequence_is_connected_once(stage: Stage) -> None:
    stage.put("lead", A, subject="x")
    connect = stage.environment.connect_sequence
    first, second = stage.sequences
    assert connect(EntityReference(table="lead", id=A), first).outcome is WriteOutcome.APPLIED
    assert connect(EntityReference(table="lead", id=A), first).outcome is WriteOutcome.ALREADY_SO
    if first != second:
        assert connect(EntityReference(table="lead", id=A), second).outcome is WriteOutcome.APPLIED


def test_a_sequence_is_not_connected_to_a_row_that_is_gone(stage: Stage) -> None:
    result = stage.environment.connect_sequence(
        EntityReference(table="lead", id=A), stage.sequences[0]
    )
    assert result.outcome is WriteOutcome.ROW_GONE


# Definitions.


def test_tables_are_known_by_their_definitions(stage: Stage) -> None:
    found = stage.environment.describe_table("lead")
    assert found.change_tracking
    schema = found.to_schema()
    assert (schema.name, schema.entity_set, schema.primary_id) == ("lead", "leads", "leadid")
    assert {"subject", "ownerid", "statecode"} <= schema.columns.keys()
    with pytest.raises(ConfigProblem, match="leed"):
        stage.environment.describe_table("leed")
