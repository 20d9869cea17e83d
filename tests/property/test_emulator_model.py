"""Random reads and writes against the emulator agree with a plain dictionary model, answer by answer."""

import os
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.property.batch_envelopes import Part, PartAnswer, read_batch, write_batch
from tests.property.emulator_model import KEYS, SETS, SHARED, SHOWN, Model, Operation, Refused
from tests.property.emulator_requests import (
    ACCOUNTS,
    Query,
    operations,
    queries,
)
from tests.support.in_process import HOST, Answer, InProcessEmulator

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


class EmulatorMachine(RuleBasedStateMachine):
    """Every rule sends something and checks the answer; the invariant then compares all rows."""

    emulator: InProcessEmulator

    @initialize()
    def start(self) -> None:
        self.emulator.reset()
        users = self.read("systemusers?$select=isdisabled,applicationid,fullname")
        teams = self.read("teams?$select=teamtype,name")
        sellers = [
            each for each in users if not each["applicationid"] and "#" not in each["fullname"]
        ]
        enabled = [each["systemuserid"] for each in sellers if not each["isdisabled"]][:2]
        disabled = next(each["systemuserid"] for each in sellers if each["isdisabled"])
        group = next(each["teamid"] for each in teams if each["name"] == "EMEA sales")
        access = next(each["teamid"] for each in teams if each["teamtype"] == 1)
        me = self.emulator.call("GET", "WhoAmI").json["UserId"]
        owners: dict[str, Any] = dict.fromkeys([*enabled, group, me])
        owners |= {disabled: (400, "0x8004022b"), access: (400, "0x80048340")}
        self.owners = [f"/teams({each})" if each in (group, access) else f"/systemusers({each})"
                       for each in owners]  # fmt: skip
        self.model = Model(me, owners)
        self.known: dict[str, list[str]] = {"account": [], "lead": []}
        self.past: dict[tuple[str, str], str] = {}
        self.newest = 0
        self.tick(0)

    def read(self, url: str, **headers: str) -> list[dict[str, Any]]:
        answer = self.emulator.call("GET", url, **headers)
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.json["value"]
        return found

    def etags_of(self, table: str, key: str) -> list[str]:
        place = (table, key)
        found = (self.model.etags.get(place), self.past.get(place))
        return [each for each in found if each is not None]

    def draw_operation(self, data: st.DataObject) -> Operation:
        return data.draw(operations(self.known, self.owners, self.etags_of))

    @rule(seconds=st.integers(0, 100_000))
    def tick(self, seconds: int) -> None:
        document = {"advance_seconds": seconds}
        answer = self.emulator.call("POST", f"{HOST}/_emulator/clock", document)
        self.model.now = answer.json["now"]

    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        operation = self.draw_operation(data)
        body = None if operation.method == "DELETE" else operation.body
        answer = self.emulator.call(operation.method, operation.path, body, **operation.headers)
        self.compare(operation, answer, self.expect(operation, answer))

    def expect(
        self, operation: Operation, answer: Answer | PartAnswer
    ) -> Refused | tuple[int, str]:
        """What the model makes of a write; a fresh id is taken from the answer."""

        def new_id() -> str:
            if answer.status >= 400:  # undone with the rest of its change set
                return str(UUID(int=len(self.model.tables[operation.table])))
            header = answer.headers.get("odata-entityid") or answer.headers["location"]
            row_id = header.rpartition("(")[2].rstrip(")")
            self.known[operation.table].append(row_id)
            return row_id

        try:
            return self.model.apply(operation, new_id)
        except Refused as refusal:
            return refusal

    def compare(
        self, operation: Operation, answer: Answer | PartAnswer, expected: Refused | tuple[int, str]
    ) -> None:
        if isinstance(expected, Refused):
            assert (answer.status, answer.code) == (expected.status, expected.code), answer.body
            return
        status, row_id = expected
        assert answer.status == status, answer.body
        if operation.method in ("POST", "PATCH") and not operation.wants_row:
            assert answer.headers["odata-entityid"].endswith(f"/{SETS[operation.table]}({row_id})")
        if operation.wants_row:
            assert isinstance(answer, Answer)
            row = self.model.tables[operation.table][row_id]
            assert {name: answer.json[name] for name in row} == row
            assert answer.headers["preference-applied"] == "return=representation"

    @rule(data=st.data(), size=st.integers(1, 4), keeps_going=st.booleans())
    def batch(self, data: st.DataObject, size: int, keeps_going: bool) -> None:
        """Writes outside of change sets: one after the other, up to the first failure or on."""
        chosen = [self.plain(self.draw_operation(data)) for _ in range(size)]
        status, answers = self.send([_part(each) for each in chosen], keeps_going=keeps_going)
        expected_status = 200
        for index, operation in enumerate(chosen):
            (answer,) = answers[index]
            expected = self.expect(operation, answer)
            self.compare(operation, answer, expected)
            self.refresh_etags()
            if isinstance(expected, Refused) and not keeps_going:
                expected_status = expected.status
                assert len(answers) == index + 1
                break
        assert status == expected_status

    @rule(data=st.data(), size=st.integers(1, 4), refers=st.booleans())
    def change_set(self, data: st.DataObject, size: int, refers: bool) -> None:
        """All or nothing; a member may point to the account that the first one creates."""
        chosen = [self.plain(self.draw_operation(data)) for _ in range(size)]
        if refers:
            account = data.draw(st.sampled_from(ACCOUNTS))
            lead = {"subject": "Refers", "parentaccountid@odata.bind": f"/accounts({account})"}
            chosen[:0] = [
                Operation("patch", "account", account, {"name": "Referred to"}),
                Operation("create", "lead", None, lead),
            ]
        parts = [_part(each) for each in chosen]
        if refers:
            parts[1] = Part("POST", "leads", {**chosen[1].body, "parentaccountid@odata.bind": "$1"})
        status, (answers,) = self.send([parts])
        before, known = self.model.copy(), {key: list(ids) for key, ids in self.known.items()}
        has_failed = answers[0].status >= 400
        for index, operation in enumerate(chosen):
            answer = answers[0] if has_failed else answers[index]
            expected = self.expect(operation, answer)
            if isinstance(expected, Refused):
                assert (status, [(each.status, each.code) for each in answers]) == (
                    expected.status, [(expected.status, expected.code)]
                )  # fmt: skip
                self.model, self.known = before, known
                return
            if not has_failed:
                self.compare(operation, answer, expected)
        assert (status, len(answers), has_failed) == (200, len(chosen), False), answers[0].body

    def plain(self, operation: Operation) -> Operation:
        """The same write with what stays true while the others of its batch run."""
        kept = operation.if_match if operation.if_match in (None, "*", 'W/"1"') else None
        return Operation(
            operation.kind, operation.table, operation.key, operation.body, operation.column, kept,
            operation.if_none_match,
        )  # fmt: skip

    def send(
        self,
        items: list[Part | list[Part]] | list[Part] | list[list[Part]],
        *,
        keeps_going: bool = False,
    ) -> tuple[int, list[list[PartAnswer]]]:
        content_type, body = write_batch(items)
        headers = {"content-type": content_type}
        if keeps_going:
            headers["prefer"] = "odata.continue-on-error"
        answer = self.emulator.send("POST", "$batch", body, headers)
        return answer.status, read_batch(answer.headers["content-type"], answer.body)

    @rule(query=queries)
    def query(self, query: Query) -> None:
        """Filter, order, pages, count and the expanded account."""
        leads, accounts = self.model.tables["lead"], self.model.tables["account"]
        expected = query.expected(leads, accounts)
        size = query.page_size
        headers = {} if size is None else {"prefer": f"odata.maxpagesize={size}"}
        url, rows = query.url, list[dict[str, Any]]()
        while url:
            answer = self.emulator.call("GET", url, **headers)
            assert answer.status == 200, answer.body
            page = answer.json
            assert not query.count or page["@odata.count"] == len(expected)
            assert size is None or len(page["value"]) <= size
            rows += page["value"]
            assert len(rows) <= len(expected), "next links must come to an end"
            url = page.get("@odata.nextLink", "")
        limit = query.top if size is None and query.top is not None else len(expected)
        assert [row["leadid"] for row in rows] == expected[:limit]
        for row in rows:
            parent = accounts.get(leads[row["leadid"]]["_parentaccountid_value"])
            shown = row["parentaccountid"]
            assert (shown and shown["name"]) == (parent and parent["name"])

    @precondition(lambda self: any(self.model.tables.values()))
    @rule(data=st.data(), knows=st.sampled_from(["nothing", "current", "old"]))
    def get(self, data: st.DataObject, knows: str) -> None:
        """A single row, unless it is the one the client has."""
        places = [(table, key) for table, rows in self.model.tables.items() for key in sorted(rows)]
        table, key = data.draw(st.sampled_from(places))
        etag = self.model.etags[table, key]
        sent = {"nothing": None, "current": etag, "old": 'W/"1"'}[knows]
        answer = self.emulator.call("GET", f"{SETS[table]}({key})", if_none_match=sent)
        assert answer.headers["etag"] == etag
        if knows == "current":
            assert (answer.status, answer.body) == (304, b"")
            return
        row = self.model.tables[table][key]
        assert {name: answer.json[name] for name in row} == row

    @invariant()
    def every_row_is_the_models(self) -> None:
        """Values are the model's; versions rise exactly where something was written."""
        if not hasattr(self, "newest"):
            return
        before = dict(self.model.etags)
        shown = self.refresh_etags()
        for place, etag in self.model.etags.items():
            if before.get(place) not in (None, etag):
                self.past[place] = before[place]
        assert shown == self.model.tables

    def refresh_etags(self) -> dict[str, dict[str, Any]]:
        """The rows as they are; remembers their ETags."""
        shown: dict[str, dict[str, Any]] = {}
        self.model.etags = {}
        for table, entity_set in SETS.items():
            columns = (*SHOWN[table], *SHARED)
            rows = self.read(f"{entity_set}?$select={','.join(columns)}")
            shown[table] = {row[KEYS[table]]: {name: row[name] for name in columns} for row in rows}
            for row in rows:
                self.model.etags[table, row[KEYS[table]]] = row["@odata.etag"]
        return shown


def _part(operation: Operation) -> Part:
    body = None if operation.method == "DELETE" else operation.body
    return Part(operation.method, operation.path, body, operation.headers)


def test_the_emulator_agrees_with_a_dictionary() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    with InProcessEmulator() as emulator:
        for table, entity_set in SETS.items():
            rows = emulator.call("GET", f"{entity_set}?$select={KEYS[table]}").json["value"]
            for row in rows:
                emulator.call("DELETE", f"{entity_set}({row[KEYS[table]]})")
        emulator.keep()
        EmulatorMachine.emulator = emulator
        run_state_machine_as_test(
            EmulatorMachine,
            settings=settings(
                max_examples=2_000 if IS_LONG else 40,
                stateful_step_count=40 if IS_LONG else 25,
                deadline=None,
                phases=(Phase.generate, Phase.shrink) if IS_LONG else (Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
