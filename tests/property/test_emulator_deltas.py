"""Delta feeds replayed over random histories always rebuild their tables, deletions included.

Several tables are mirrored at once, each by a client that reads as many pages as it likes between
writes; late commits, expired links and changed definitions come in between.
"""

import asyncio
import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

from tests.support.in_process import HOST, Answer, InProcessEmulator

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
KEYS = {
    "leads": ("leadid", "subject"),
    "accounts": ("accountid", "name"),
    "teammemberships": ("teammembershipid", "teamid"),
}
TRACKED = tuple(KEYS)


@dataclass
class Mirror:
    """A copy of one table, kept up to date by following links; nothing else is ever read."""

    entity_set: str
    rows: dict[str, tuple[Any, str]] = field(default_factory=dict)
    link: str | None = None
    page_size: int = 2
    restarts: int = 0

    def request(self) -> tuple[str, dict[str, str]]:
        """What to ask for next."""
        prefer = f"odata.track-changes,odata.maxpagesize={self.page_size}"
        return self.link or f"{self.entity_set}?$select={KEYS[self.entity_set][1]}", {
            "prefer": prefer
        }

    def take(self, answer: Answer) -> bool:
        """Apply a page; true when it was the last one. An expired link means starting anew."""
        if answer.status == 400:
            assert answer.code == "0x80044352", answer.body
            self.rows, self.link, self.restarts = {}, None, self.restarts + 1
            return False
        assert answer.status == 200, answer.body
        page = answer.json
        assert len(page["value"]) <= self.page_size
        assert ("@odata.nextLink" in page) != ("@odata.deltaLink" in page)
        for entry in page["value"]:
            self._take(entry, *KEYS[self.entity_set])
        self.link = page.get("@odata.nextLink") or page["@odata.deltaLink"]
        return "@odata.deltaLink" in page

    def _take(self, entry: dict[str, Any], key: str, shown: str) -> None:
        if "reason" in entry:
            assert entry["reason"] == "deleted"
            assert entry["@odata.context"].endswith(f"#{self.entity_set}/$deletedEntity")
            self.rows.pop(entry["id"], None)
        else:
            self.rows[entry[key]] = (entry[shown], entry["@odata.etag"])


kinds = ("create", "create", "change", "change", "change", "delete", "delete", "come_and_go",
         "join", "hand_over")  # fmt: skip
writes = st.tuples(
    st.sampled_from(kinds),
    st.sampled_from(["leads", "accounts"]),
    st.integers(0, 40),
    st.integers(0, 9),
)


class DeltaMachine(RuleBasedStateMachine):
    """Writes of every kind between the pages of the mirrors."""

    emulator: InProcessEmulator

    @initialize()
    def start(self) -> None:
        self.emulator.reset()
        self.mirrors = {name: Mirror(name) for name in TRACKED}
        self.ids: dict[str, list[str]] = {
            "leads": [],
            "accounts": [row["accountid"] for row in self.rows("accounts")][:4],
        }
        for number in range(6):
            self._create("leads", number, number)
        self.teams = [row["teamid"] for row in self.rows("teams", "teamtype eq 0")][:2]
        self.users = [
            row["systemuserid"] for row in self.rows("systemusers", "isdisabled eq false")
        ][:3]

    def rows(self, entity_set: str, condition: str = "") -> list[dict[str, Any]]:
        query = f"?$filter={condition}" if condition else ""
        answer = self.emulator.call("GET", entity_set + query)
        found: list[dict[str, Any]] = answer.json["value"]
        return found

    def pick(self, entity_set: str, number: int) -> str:
        ids = self.ids[entity_set]
        return ids[number % len(ids)]

    @rule(steps=st.lists(writes, min_size=1, max_size=8))
    def write_some(self, steps: list[tuple[str, str, int, int]]) -> None:
        for kind, entity_set, number, other in steps:
            getattr(self, f"_{kind}")(entity_set, number, other)

    def _create(self, entity_set: str, number: int, other: int) -> None:
        body: dict[str, Any] = {KEYS[entity_set][1]: f"Row {number}"}
        parent = self.pick("accounts", other)
        if entity_set == "leads" and other % 2:
            body["customerid_account@odata.bind"] = f"/accounts({parent})"
        answer = self.emulator.call("POST", entity_set, body)
        assert answer.status in (204, 404), answer.body
        if answer.status == 204:
            self.ids[entity_set].append(answer.new_id)

    def _change(self, entity_set: str, number: int, other: int) -> None:
        """A bare PATCH: it changes the row, or makes a deleted one again under its old id."""
        body = {KEYS[entity_set][1]: f"Changed {other}"}
        path = f"{entity_set}({self.pick(entity_set, number)})"
        assert self.emulator.call("PATCH", path, body).status == 204

    def _delete(self, entity_set: str, number: int, other: int) -> None:
        """An account takes the leads of its customer along."""
        path = f"{entity_set}({self.pick(entity_set, number)})"
        assert self.emulator.call("DELETE", path).status in (204, 404)

    def _come_and_go(self, entity_set: str, number: int, other: int) -> None:
        """Created and deleted between two polls: a deletion of an id that nobody knows."""
        row_id = self.emulator.call("POST", entity_set, {KEYS[entity_set][1]: "Ghost"}).new_id
        assert self.emulator.call("DELETE", f"{entity_set}({row_id})").status == 204

    def _join(self, entity_set: str, number: int, other: int) -> None:
        """A user joins a team, or leaves it."""
        path = f"teams({self.teams[number % 2]})/teammembership_association"
        user = self.users[other % 3]
        if number % 3:
            body = {"@odata.id": f"{HOST}/api/data/v9.2/systemusers({user})"}
            answer = self.emulator.call("POST", f"{path}/$ref", body)
        else:
            answer = self.emulator.call("DELETE", f"{path}({user})/$ref")
        assert answer.status == 204, answer.body

    def _hand_over(self, entity_set: str, number: int, other: int) -> None:
        """A new owner of an account cascades to its leads."""
        body = {"ownerid@odata.bind": f"/systemusers({self.users[other % 3]})"}
        path = f"accounts({self.pick('accounts', number)})"
        answer = self.emulator.call("PATCH", path, body, if_match="*")
        assert answer.status in (204, 404), answer.body

    @rule(entity_set=st.sampled_from(["leads", "accounts"]), number=st.integers(0, 50),
          deletes=st.booleans(), pages=st.integers(0, 3),
          watched=st.sampled_from(["leads", "accounts"]))  # fmt: skip
    def commit_late(
        self, entity_set: str, number: int, deletes: bool, pages: int, watched: str
    ) -> None:
        """A write takes its version, others write and mirrors read on, and only then it commits."""
        row_id = self.pick(entity_set, number)
        script = {"kind": "late_commit", "path": row_id, "seconds": 0.002}
        self.emulator.call("POST", f"{HOST}/_emulator/faults", script)
        method = "DELETE" if deletes else "PATCH"
        body = b"" if deletes else b'{"%s":"Late"}' % KEYS[entity_set][1].encode()

        async def both() -> None:
            late = asyncio.create_task(
                self.emulator.answer(method, f"{entity_set}({row_id})", body, {})
            )
            while not self.emulator.server.organization.storage.open_versions:
                await asyncio.sleep(0)
            early = await self.emulator.answer("POST", entity_set, b"{}", {})
            self.ids[entity_set].append(early.new_id)
            mirror = self.mirrors[watched]
            for _ in range(pages):
                url, headers = mirror.request()
                mirror.take(await self.emulator.answer("GET", url, b"", headers))
            answer = await late
            assert answer.status in (204, 404), answer.body

        self.emulator.run(both())

    def read_page(self, mirror: Mirror) -> bool:
        url, headers = mirror.request()
        return mirror.take(self.emulator.call("GET", url, **headers))

    @rule(entity_set=st.sampled_from(TRACKED), pages=st.integers(1, 3), size=st.integers(1, 4))
    def follow_some(self, entity_set: str, pages: int, size: int) -> None:
        mirror = self.mirrors[entity_set]
        mirror.page_size = size
        for _ in range(pages):
            self.read_page(mirror)

    @rule(event=st.sampled_from(["day", "day", "week", "expired_delta_token", "metadata_change"]))
    def disturb(self, event: str) -> None:
        """Links grow old, are no longer honoured, or their table's definition changes."""
        if event in ("day", "week"):
            document = {"advance_seconds": 86_400 if event == "day" else 8 * 86_400}
            self.emulator.call("POST", f"{HOST}/_emulator/clock", document)
            return
        script = {"kind": event, "path": "WhoAmI"}
        self.emulator.call("POST", f"{HOST}/_emulator/faults", script)
        self.emulator.call("GET", "WhoAmI")

    @rule(entity_set=st.sampled_from(TRACKED))
    def catch_up(self, entity_set: str) -> None:
        """Read to the end: the mirror is the table, to the version; nothing is left to count."""
        mirror = self.mirrors[entity_set]
        mirror.page_size = max(mirror.page_size, 3)
        for _ in range(2):
            while not self.read_page(mirror):
                pass
        key, shown = KEYS[entity_set]
        real = {row[key]: (row[shown], row["@odata.etag"]) for row in self.rows(entity_set)}
        assert mirror.rows == real
        token = str(mirror.link).partition("$deltatoken=")[2]
        count = self.emulator.call("GET", f"{entity_set}/$count?$deltatoken={token}")
        assert count.body == b"0"

    @invariant()
    def counts_tell_what_the_link_gives(self) -> None:
        """`$count` on a token is the number of entries that following it gives."""
        for mirror in getattr(self, "mirrors", {}).values():
            if mirror.link is None or "$deltatoken=" not in mirror.link:
                continue
            token = mirror.link.partition("$deltatoken=")[2]
            count = self.emulator.call("GET", f"{mirror.entity_set}/$count?$deltatoken={token}")
            page = self.emulator.call("GET", mirror.link)
            if page.status == 200:
                assert int(count.body) == len(page.json["value"])
            else:
                assert (page.code, count.code) == ("0x80044352", "0x80044352")

    @override
    def teardown(self) -> None:
        for name in getattr(self, "mirrors", {}):
            self.catch_up(name)


def test_replayed_feeds_rebuild_their_tables() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    with InProcessEmulator() as emulator:
        DeltaMachine.emulator = emulator
        run_state_machine_as_test(
            DeltaMachine,
            settings=settings(
                max_examples=2_000 if IS_LONG else 40,
                stateful_step_count=50 if IS_LONG else 25,
                deadline=None,
                phases=(Phase.generate, Phase.shrink) if IS_LONG else (Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
