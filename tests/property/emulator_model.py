"""What Dataverse's rules make of writes, over plain dictionaries: the oracle for the emulator.

Two tables, accounts and leads, with the columns that carry rules: text limits, ranges, choices,
dates, lookups, owners, states, an alternate key. Nothing of the emulator is used here.
"""

from collections.abc import Callable, Collection
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

SETS = {"account": "accounts", "lead": "leads"}
KEYS = {"account": "accountid", "lead": "leadid"}
SHOWN = {
    "account": ("name", "accountnumber", "revenue", "numberofemployees", "creditonhold"),
    "lead": (
        "subject", "firstname", "lastname", "fullname", "revenue", "numberofemployees",
        "leadsourcecode", "donotphone", "estimatedclosedate", "_parentaccountid_value",
        "_customerid_value",
    ),
}  # fmt: skip
SHARED = ("_ownerid_value", "statecode", "statuscode", "createdon", "modifiedon")
DEFAULTS: dict[str, Row] = {"account": {"creditonhold": False}, "lead": {"donotphone": False}}
TEXT_LIMITS = {
    "subject": 50, "firstname": 450, "lastname": 50, "name": 160, "accountnumber": 20
}  # fmt: skip
RANGES = {
    "revenue": (0, 1e14),
    ("lead", "numberofemployees"): (0, 1_000_000),
    ("account", "numberofemployees"): (0, 1_000_000_000),
}
LEAD_SOURCES = frozenset({*range(1, 11), 192350100, 192350000, 831900000, 804240001})
STATES: dict[str, dict[int, tuple[int, tuple[int, ...]]]] = {
    "lead": {0: (1, (1, 2, 823270000)), 1: (3, (3,)), 2: (4, (4, 5, 6, 7, 804240004))},
    "account": {0: (1, (1,)), 1: (2, (2,))},
}
BAD_VALUE, TOO_LONG, NO_OPTION = "0x80048d19", "0x80044331", "0x8004431a"
OUT_OF_RANGE, WHOLE_OUT_OF_RANGE, BAD_PAIR = "0x80044330", "0x8004432f", "0x80048408"
MISSING, EXISTS, STALE, KEY_TAKEN = "0x80040217", "0x80040237", "0x80060882", "0x80060892"
NO_SUCH_KEY, CLOSED = "0x80060891", "0x80040519"


class Refused(Exception):  # noqa: N818  what the server would say
    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code
        super().__init__(code)


@dataclass(frozen=True)
class Operation:
    """A write as it is sent. `path` is relative; `key` is the row meant, or the alternate key."""

    kind: str  # create, patch, patch_by_key, put, clear, delete, set_parent, clear_parent
    table: str
    key: str | None = None
    body: Row = field(default_factory=dict)
    column: str = ""
    if_match: str | None = None
    if_none_match: str | None = None
    wants_row: bool = False

    @property
    def method(self) -> str:
        return {
            "create": "POST", "patch": "PATCH", "patch_by_key": "PATCH", "put": "PUT",
            "clear": "DELETE", "delete": "DELETE", "set_parent": "PUT", "clear_parent": "DELETE",
        }[self.kind]  # fmt: skip

    @property
    def path(self) -> str:
        root = SETS[self.table]
        if self.kind == "create":
            return root
        if self.kind == "patch_by_key":
            return f"{root}(accountnumber='{self.key}')"
        row = f"{root}({self.key})"
        if self.kind in ("put", "clear"):
            return f"{row}/{self.column}"
        return f"{row}/parentaccountid/$ref" if self.kind.endswith("parent") else row

    @property
    def headers(self) -> dict[str, str]:
        found = {"if-match": self.if_match, "if-none-match": self.if_none_match}
        if self.wants_row:
            found["prefer"] = "return=representation"
        return {name: value for name, value in found.items() if value is not None}


@dataclass
class Model:
    """The rows, the moment, and who may own."""

    owner: str
    owners: dict[str, tuple[int, str] | None]
    now: str = ""
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: {"account": {}, "lead": {}})
    etags: dict[tuple[str, str], str] = field(default_factory=dict)

    def copy(self) -> "Model":
        return deepcopy(self)

    def apply(self, operation: Operation, new_id: Callable[[], str]) -> tuple[int, str]:
        """The status of the answer and the row it is about; raises Refused and changes nothing."""
        before = deepcopy(self.tables)
        try:
            answer: tuple[int, str] = getattr(self, f"_{operation.kind}")(operation, new_id)
        except Refused:
            self.tables = before
            raise
        return answer

    def _create(self, operation: Operation, new_id: Callable[[], str]) -> tuple[int, str]:
        values = self._read(operation.table, operation.body)
        row_id = values.pop(KEYS[operation.table], None)
        if row_id is not None and row_id in self.tables[operation.table]:
            self._settle(operation.table, values, None)
            self._raise_if_owner_refused(values)
            raise Refused(412, EXISTS)
        row_id = self._insert(operation.table, row_id, values, new_id)
        return (201 if operation.wants_row else 204), row_id

    def _insert(
        self, table: str, row_id: str | None, values: Row, new_id: Callable[[], str]
    ) -> str:
        self._settle(table, values, None)
        self._raise_if_owner_refused(values)
        empty = dict.fromkeys((*SHOWN[table], *SHARED))
        row: Row = {**empty, **DEFAULTS[table], "_ownerid_value": self.owner, **values}
        row |= {"createdon": self.now, "modifiedon": self.now}
        self._derive(table, row)
        self._raise_if_key_taken(table, row, None)
        found = row_id or new_id()
        self.tables[table][found] = row
        return found

    def _patch(self, operation: Operation, new_id: Callable[[], str]) -> tuple[int, str]:
        table, key = operation.table, operation.key or ""
        if key not in self.tables[table]:
            if operation.if_match is not None:
                raise Refused(404, MISSING)
            values = self._read(table, operation.body)
            values.pop(KEYS[table], None)
            self._insert(table, key, values, new_id)
            return (201 if operation.wants_row else 204), key
        return self._change(operation, key)

    def _patch_by_key(self, operation: Operation, new_id: Callable[[], str]) -> tuple[int, str]:
        number = (operation.key or "").casefold()
        rows = self.tables["account"].items()
        found = [i for i, row in rows if (row["accountnumber"] or "").casefold() == number]
        if found:
            return self._change(operation, found[0])
        if operation.if_match is not None:
            raise Refused(404, NO_SUCH_KEY)
        values = self._read("account", operation.body) | {"accountnumber": operation.key}
        row_id = self._insert("account", None, values, new_id)
        return (201 if operation.wants_row else 204), row_id

    def _change(self, operation: Operation, row_id: str) -> tuple[int, str]:
        if operation.if_none_match == "*":
            raise Refused(412, EXISTS)
        self._raise_if_stale(operation, row_id)
        self._update(operation.table, row_id, self._read(operation.table, operation.body))
        return (200 if operation.wants_row else 204), row_id

    def _put(self, operation: Operation, _: Callable[[], str]) -> tuple[int, str]:
        table, row_id = operation.table, self._existing(operation)
        self._raise_if_stale(operation, row_id)
        values = self._read(table, {operation.column: operation.body.get("value")})
        self._update(table, row_id, values)
        return 204, row_id

    _clear = _put

    def _set_parent(self, operation: Operation, _: Callable[[], str]) -> tuple[int, str]:
        row_id = self._existing(operation)
        self._raise_if_stale(operation, row_id)
        uri = operation.body["@odata.id"]
        values = self._read("lead", {"parentaccountid@odata.bind": uri})
        self._update("lead", row_id, values)
        return 204, row_id

    def _clear_parent(self, operation: Operation, _: Callable[[], str]) -> tuple[int, str]:
        row_id = self._existing(operation)
        self._update("lead", row_id, {"_parentaccountid_value": None})
        return 204, row_id

    def _delete(self, operation: Operation, _: Callable[[], str]) -> tuple[int, str]:
        row_id = self._existing(operation)
        self._raise_if_stale(operation, row_id)
        del self.tables[operation.table][row_id]
        if operation.table == "account":
            leads = self.tables["lead"]
            for lead_id in [i for i, row in leads.items() if row["_customerid_value"] == row_id]:
                del leads[lead_id]
            for row in leads.values():
                if row["_parentaccountid_value"] == row_id:
                    row |= {"_parentaccountid_value": None, "modifiedon": self.now}
        return 204, row_id

    def _existing(self, operation: Operation) -> str:
        if operation.key not in self.tables[operation.table]:
            raise Refused(404, MISSING)
        return operation.key

    def _raise_if_stale(self, operation: Operation, row_id: str) -> None:
        wanted = operation.if_match
        if wanted not in (None, "*", self.etags.get((operation.table, row_id))):
            raise Refused(412, STALE)

    def _update(self, table: str, row_id: str, values: Row) -> None:
        row = self.tables[table][row_id]
        if values.pop(KEYS[table], row_id) != row_id:
            raise Refused(400, "0x80040203")
        if table == "lead" and row["statecode"] != 0 and values.get("statecode") != 0:
            reasons = {"statecode", "statuscode"}
            if not (values.keys() <= reasons and "statecode" in values):
                raise Refused(400, CLOSED)
        self._settle(table, values, row)
        owner = values.get("_ownerid_value")
        moves = owner is not None and owner != row["_ownerid_value"]
        if moves:
            self._raise_if_owner_refused(values)
        changed = {**row, **values, "modifiedon": self.now}
        self._derive(table, changed)
        self._raise_if_key_taken(table, changed, row_id)
        self.tables[table][row_id] = changed
        if moves and table == "account":
            self._hand_on(row_id, str(owner))

    def _hand_on(self, account: str, owner: str) -> None:
        for row in self.tables["lead"].values():
            if row["_customerid_value"] == account and row["_ownerid_value"] != owner:
                row |= {"_ownerid_value": owner, "modifiedon": self.now}

    def _settle(self, table: str, values: Row, row: Row | None) -> None:
        if row is not None and not {"statecode", "statuscode"} & values.keys():
            return
        states = STATES[table]
        state, status = values.get("statecode"), values.get("statuscode")
        if state is None:
            known = [s for s, (_, reasons) in states.items() if status in reasons]
            state = row["statecode"] if row else (known or [0])[0]
        if status is None:
            same = row is not None and row["statecode"] == state
            status = row["statuscode"] if row and same else states[state][0]
        if status not in states[state][1]:
            raise Refused(400, BAD_PAIR)
        values |= {"statecode": state, "statuscode": status}

    def _derive(self, table: str, row: Row) -> None:
        if table == "lead":
            names = (row["firstname"], row["lastname"])
            row["fullname"] = " ".join(name for name in names if name) or None

    def _raise_if_owner_refused(self, values: Row) -> None:
        refusal = self.owners.get(values.get("_ownerid_value", self.owner))
        if refusal is not None:
            raise Refused(*refusal)

    def _raise_if_key_taken(self, table: str, row: Row, row_id: str | None) -> None:
        number = (row.get("accountnumber") or "").casefold()
        for other, existing in self.tables["account"].items() if table == "account" else ():
            if (
                number
                and other != row_id
                and (existing["accountnumber"] or "").casefold() == number
            ):
                raise Refused(412, KEY_TAKEN)

    def _read(self, table: str, body: Row) -> Row:
        values: Row = {}
        for name, value in body.items():
            column, _, bind = name.partition("@")
            if bind or column in ("parentaccountid", "customerid_account"):
                stem = column.removesuffix("_account")
                values[f"_{stem}_value"] = self._target(value) if bind else None
            else:
                values[name] = _checked(table, name, value)
        return values

    def _target(self, uri: str) -> str:
        row_id = uri.rpartition("(")[2].rstrip(")")
        if "accounts(" in uri:
            if row_id not in self.tables["account"]:
                raise Refused(404, MISSING)
        elif row_id not in self.owners:
            raise Refused(404, MISSING)
        return row_id


def _checked(table: str, name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in TEXT_LIMITS:
        return _checked_text(name, value)
    if name in ("donotphone", "creditonhold"):
        return _typed(value, bool)
    if name in ("statecode", "statuscode", "leadsourcecode"):
        return _checked_option(table, name, value)
    if name in ("numberofemployees", "revenue"):
        return _checked_number(table, name, value)
    if name == "estimatedclosedate" and value not in GOOD_DAYS:
        raise Refused(400, BAD_VALUE)
    return value


def _checked_text(name: str, value: Any) -> str | None:
    if not isinstance(value, str):
        raise Refused(400, BAD_VALUE)
    if len(value) > TEXT_LIMITS[name]:
        raise Refused(400, TOO_LONG)
    return value or None


def _checked_option(table: str, name: str, value: Any) -> int:
    reasons = [reason for _, each in STATES[table].values() for reason in each]
    options: dict[str, Collection[int]] = {
        "statecode": STATES[table],
        "statuscode": reasons,
        "leadsourcecode": LEAD_SOURCES,
    }
    if _typed(value, int) not in options[name]:
        raise Refused(400, NO_OPTION)
    return int(value)


def _checked_number(table: str, name: str, value: Any) -> float:
    if name == "numberofemployees":
        low, high = RANGES[table, name]
        if not low <= _typed(value, int) <= high:
            raise Refused(400, WHOLE_OUT_OF_RANGE)
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(400, BAD_VALUE)
    if not RANGES[name][0] <= value <= RANGES[name][1]:
        raise Refused(400, OUT_OF_RANGE)
    return float(value)


GOOD_DAYS = ("2026-12-24", "2027-02-28", "1753-01-01", "2024-02-29")
BAD_DAYS = ("2026-02-29", "2026-13-01", "24.12.2026", "2026-12-24T10:00:00Z", "1752-12-31")


def _typed(value: Any, kind: type) -> Any:
    if isinstance(value, bool) != (kind is bool) or not isinstance(value, kind):
        raise Refused(400, BAD_VALUE)
    return value
