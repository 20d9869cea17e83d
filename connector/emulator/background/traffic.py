"""Traffic: sellers, customers and managers of the emulated organization who keep changing rows.

Every change goes through the same rules as a client's write; who reads the changes is elsewhere.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from connector.emulator.organization.dice import Dice
from connector.emulator.organization.organization import (
    MANAGER_ROLE_ID,
    ROOT_UNIT_ID,
    SYSTEM_USER_ID,
    Organization,
)
from connector.emulator.organization.privileges import Privileges
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.json_shapes import Json
from connector.emulator.protocol.messages import Caller
from connector.emulator.rows.writes import Writer
from connector.emulator.seed.names import (
    COMPANY_KINDS,
    COMPANY_STEMS,
    FIRST_NAMES,
    LAST_NAMES,
    PLACES,
    PRODUCTS,
)
from connector.emulator.storage.database import StoredRow

FASTEST_TICK_SECONDS = 0.02
MOST_AT_ONCE = 50
"""After a pause no more changes than this are caught up with in one go."""

Body = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Change:
    """One change that was made: what kind, and of which row."""

    kind: str
    table: str
    id: str


class Traffic:
    """Makes changes drawn from a seed, `rate` of them a second; `made` counts them by kind."""

    def __init__(
        self, organization: Organization, privileges: Privileges, dice: Dice, rate: float = 0
    ) -> None:
        self.rate = rate
        self.made: Counter[str] = Counter()
        self._organization = organization
        self._privileges = privileges
        self._dice = dice
        self._kinds = [name for name, weight in _WEIGHTS.items() for _ in range(weight)]

    def step(self) -> Change | None:
        """Make one change; None when there was no row for it or the server's rules refused it."""
        kind = self._dice.pick(self._kinds)
        try:
            with self._organization.lock, self._organization.storage.transaction():
                change = self._make(kind)
        except ODataError:
            self.made["refused"] += 1
            return None
        self.made[kind if change is not None else "nothing_to_do"] += 1
        return change

    async def run(self, now: Callable[[], float]) -> None:
        """Go on until cancelled; `now` is a monotonic clock in seconds."""
        owed, last = 0.0, now()
        while True:
            tick = 1 / self.rate if self.rate > 0 else 1.0
            await asyncio.sleep(min(max(tick, FASTEST_TICK_SECONDS), 1.0))
            moment = now()
            owed = min(owed + (moment - last) * self.rate, float(MOST_AT_ONCE))
            last = moment
            while owed >= 1:
                owed -= 1
                self.step()

    def _make(self, kind: str) -> Change | None:
        return _MAKERS[kind](self)

    def create_lead(self) -> Change:
        """A customer fills in a form: the row belongs to the platform until it is assigned."""
        dice = self._dice
        body: Body = {
            "subject": dice.pick(PRODUCTS),
            "firstname": dice.pick(FIRST_NAMES),
            "lastname": dice.pick(LAST_NAMES),
            "companyname": f"{dice.pick(COMPANY_STEMS)} {dice.pick(COMPANY_KINDS)}",
            "leadsourcecode": dice.between(1, 10),
            "revenue": dice.between(1, 400) * 1000,
            **_place(dice),
        }
        return self._create("create_lead", "lead", body, SYSTEM_USER_ID)

    def create_opportunity(self) -> Change | None:
        """A seller starts to sell to a customer."""
        seller, account = self._seller(), self._any_row("account")
        if seller is None or account is None:
            return None
        body: Body = {
            "name": self._dice.pick(PRODUCTS),
            "estimatedvalue": self._dice.between(1, 250) * 1000,
            "parentaccountid@odata.bind": f"/accounts({account['accountid']})",
        }
        return self._create("create_opportunity", "opportunity", body, seller)

    def _create(self, kind: str, table: str, body: Body, by: str) -> Change:
        definition = self._organization.catalog.tables[table]
        return Change(kind, table, self._writer(by).create(definition, body))

    def update_watched(self) -> Change | None:
        """A seller corrects what rules usually look at."""
        table = self._dice.pick(_OPEN_TABLES)
        return self._update("update_watched", table, self._correction(table), self._seller())

    def _correction(self, table: str) -> Body:
        if table == "opportunity":
            return {"estimatedvalue": self._dice.between(1, 250) * 1000}
        return {"revenue": self._dice.between(1, 400) * 1000, **_place(self._dice)}

    def update_unwatched(self) -> Change | None:
        """A seller takes a note."""
        note = f"Called about {self._dice.pick(PRODUCTS).lower()}."
        table = self._dice.pick(_OPEN_TABLES)
        return self._update("update_unwatched", table, {"description": note}, self._seller())

    def close(self) -> Change | None:
        """A lead is disqualified or an opportunity is lost."""
        table = self._dice.pick(_OPEN_TABLES)
        status = self._dice.pick(_CLOSED_STATUSES[table])
        body = {"statecode": 2, "statuscode": status}
        return self._update("close", table, body, self._seller())

    def reassign(self) -> Change | None:
        """A manager hands a row to another seller."""
        seller = self._seller()
        manager = self._with_role(MANAGER_ROLE_ID) or SYSTEM_USER_ID
        if seller is None:
            return None
        body = {"ownerid@odata.bind": f"/systemusers({seller})"}
        return self._update("reassign", self._dice.pick(_OPEN_TABLES), body, manager)

    def delete(self) -> Change | None:
        """The platform cleans up."""
        table = self._dice.pick(_OPEN_TABLES)
        row = self._open_row(table)
        if row is None:
            return None
        definition = self._organization.catalog.tables[table]
        self._writer(SYSTEM_USER_ID).delete(definition, row)
        return Change("delete", table, str(row[definition.primary_id]))

    def _update(self, kind: str, table: str, body: Body, by: str | None) -> Change | None:
        row = self._open_row(table)
        if row is None or by is None:
            return None
        definition = self._organization.catalog.tables[table]
        self._writer(by).update(definition, row, body)
        return Change(kind, table, str(row[definition.primary_id]))

    def _writer(self, user_id: str) -> Writer:
        return Writer(self._organization, self._privileges, Caller(user_id, ROOT_UNIT_ID))

    def _open_row(self, table: str) -> StoredRow | None:
        return self._any_row(table, "WHERE statecode = 0")

    def _any_row(self, table: str, where: str = "") -> StoredRow | None:
        """A row drawn in one step: the first at or after a random id, else the first of all."""
        key = self._organization.catalog.tables[table].primary_id
        behind = f"{where} AND {key} >= ?" if where else f"WHERE {key} >= ?"
        row = self._first_row(table, behind, key, self._dice.guid())
        return row or self._first_row(table, where, key)

    def _first_row(self, table: str, where: str, key: str, *parameters: str) -> StoredRow | None:
        sql = f"SELECT * FROM {table} {where} ORDER BY {key} LIMIT 1"  # noqa: S608  names of our own
        rows = self._organization.storage.query(sql, parameters)
        return dict(rows[0]) if rows else None

    def _seller(self) -> str | None:
        """An enabled person who holds a role."""
        return self._person("SELECT systemuserid FROM systemuserroles")

    def _with_role(self, role_id: str) -> str | None:
        return self._person("SELECT systemuserid FROM systemuserroles WHERE roleid = ?", role_id)

    def _person(self, holders: str, *parameters: str) -> str | None:
        sql = f"{_PEOPLE} AND systemuserid IN ({holders}) ORDER BY systemuserid"
        found = self._organization.storage.query(sql, parameters)
        return str(self._dice.pick(found)[0]) if found else None


_WEIGHTS = {
    "create_lead": 6,
    "create_opportunity": 2,
    "update_watched": 4,
    "update_unwatched": 5,
    "close": 1,
    "reassign": 2,
    "delete": 1,
}
_PEOPLE = (
    "SELECT systemuserid FROM systemuser WHERE isdisabled IS NOT 1 "
    "AND isintegrationuser IS NOT 1 AND applicationid IS NULL"
)
_OPEN_TABLES = ("lead", "lead", "opportunity")
_CLOSED_STATUSES = {"lead": (4, 5, 6, 7), "opportunity": (4, 5)}


def _place(dice: Dice) -> Body:
    place = dice.pick(PLACES)
    return {"address1_city": place.city, "address1_country": place.country}


_MAKERS: dict[str, Callable[[Traffic], Change | None]] = {
    "create_lead": Traffic.create_lead,
    "create_opportunity": Traffic.create_opportunity,
    "update_watched": Traffic.update_watched,
    "update_unwatched": Traffic.update_unwatched,
    "close": Traffic.close,
    "reassign": Traffic.reassign,
    "delete": Traffic.delete,
}
