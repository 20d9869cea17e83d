"""Who may do what: roles with privileges per table, and the users and teams that hold them.

Depths are Dataverse's: 1 own rows, 2 the business unit, 4 the units below too, 8 the organization.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.organization.organization import (
    ADMINISTRATOR_ROLE_ID,
    MANAGER_ROLE_ID,
    SALESPERSON_ROLE_ID,
    Organization,
    fixed_id,
)
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError
from connector.emulator.protocol.messages import Caller
from connector.emulator.storage.database import StoredRow

GLOBAL = 8
LOCAL = 2
BASIC = 1
EVERY_TABLE = "*"
VERBS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
ACT_ON_BEHALF = "ActOnBehalfOfAnotherUser"

Grants = dict[tuple[str, str], int]


def _all_verbs(table: str, depth: int) -> Grants:
    return {(verb, table): depth for verb in VERBS}


def _standard_roles() -> dict[str, Grants]:
    reading = {("Read", EVERY_TABLE): GLOBAL, ("AppendTo", EVERY_TABLE): GLOBAL}
    selling: Grants = dict(reading)
    for table in ("lead", "opportunity", "account", "contact", "msdyn_salessuggestion"):
        selling |= _all_verbs(table, GLOBAL)
    everything = _all_verbs(EVERY_TABLE, GLOBAL) | {(ACT_ON_BEHALF, EVERY_TABLE): GLOBAL}
    return {
        ADMINISTRATOR_ROLE_ID: everything,
        MANAGER_ROLE_ID: dict(selling),
        SALESPERSON_ROLE_ID: dict(selling),
    }


@dataclass
class Roles:
    """The privileges of each role, by role id; a role that is not listed has none.

    `revision` moves with every change.
    """

    grants: dict[str, Grants] = field(default_factory=_standard_roles)
    revision: int = 0

    def grant(self, role_id: str, verb: str, table: str, depth: int = GLOBAL) -> None:
        """Give a privilege to a role, or take it away with depth 0; `table` may be `*`."""
        self.grants.setdefault(role_id, {})[(verb, table)] = depth
        self.revision += 1

    def restore(self, grants: dict[str, Grants]) -> None:
        """Return to what was granted before."""
        self.grants = grants
        self.revision += 1

    def depth(self, role_ids: Iterable[str], verb: str, table: str) -> int:
        """The widest depth that any of the roles gives."""
        return max((self._depth_of(role_id, verb, table) for role_id in role_ids), default=0)

    def _depth_of(self, role_id: str, verb: str, table: str) -> int:
        grants = self.grants.get(role_id, {})
        return grants.get((verb, table), grants.get((verb, EVERY_TABLE), 0))


class Privileges:
    """Checks requests against the roles of their callers."""

    def __init__(self, organization: Organization) -> None:
        self.roles = Roles()
        self._organization = organization

    def role_ids(self, principal: str, principal_id: str) -> list[str]:
        """The roles of a user (those of their teams included) or of a team."""
        storage = self._organization.storage
        if principal == "team":
            rows = storage.query("SELECT roleid FROM teamroles WHERE teamid = ?", (principal_id,))
        else:
            rows = storage.query(
                "SELECT roleid FROM systemuserroles WHERE systemuserid = ?1 UNION "
                "SELECT r.roleid FROM teamroles r JOIN teammembership m ON m.teamid = r.teamid "
                "WHERE m.systemuserid = ?1",
                (principal_id,),
            )
        return [str(row[0]) for row in rows]

    def depth(self, user_id: str, verb: str, table: TableDefinition) -> int:
        """How far a user's privilege on a table reaches; 0 = not at all."""
        return self.roles.depth(self.role_ids("systemuser", user_id), verb, table.logical_name)

    def raise_if_denied(self, caller: Caller, verb: str, table: TableDefinition) -> None:
        """403 unless the caller (and whoever acts for them) holds the privilege at any depth."""
        for user_id in (caller.user_id, caller.on_behalf_by):
            if user_id is not None and not self.depth(user_id, verb, table):
                raise denied(user_id, verb, table)

    def raise_unless_global(self, caller: Caller, verb: str, table: TableDefinition) -> None:
        """403 unless the privilege covers the whole organization."""
        if self.depth(caller.user_id, verb, table) < GLOBAL:
            raise denied(caller.user_id, verb, table)

    def raise_unless_covered(
        self, caller: Caller, verb: str, table: TableDefinition, row: StoredRow
    ) -> None:
        """403 when the caller holds the privilege, but not as far as this row's owner."""
        if not self.covers(caller, verb, table, row):
            raise _access_denied(caller, verb, table, row)

    def covers(self, caller: Caller, verb: str, table: TableDefinition, row: StoredRow) -> bool:
        """Whether a privilege reaches a row: own rows and one's teams', the unit's, or all."""
        if not table.is_owned:
            return True
        depth = self.depth(caller.user_id, verb, table)
        if depth >= GLOBAL:
            return True
        if depth >= LOCAL:
            return row["owningbusinessunit"] == caller.business_unit_id
        owner = row["ownerid"]
        teams = "SELECT 1 FROM teammembership WHERE systemuserid = ? AND teamid = ?"
        return depth == BASIC and (
            owner == caller.user_id
            or bool(self._organization.storage.query(teams, (caller.user_id, owner)))
        )

    def may_act_for_others(self, user_id: str) -> bool:
        """Whether a user holds the delegate privilege."""
        return bool(
            self.roles.depth(self.role_ids("systemuser", user_id), ACT_ON_BEHALF, EVERY_TABLE)
        )

    def raise_if_without_roles(self, user_id: str) -> None:
        """403 for a user that holds no role at all."""
        if not self.role_ids("systemuser", user_id):
            raise ODataError(
                403,
                ErrorCode.USER_NOT_ASSIGNED_ROLES,
                f"The user with id {user_id} has not been assigned any License or Roles.",
            )


def _access_denied(caller: Caller, verb: str, table: TableDefinition, row: StoredRow) -> ODataError:
    """Dataverse's refusal of one row."""
    row_id = row[table.primary_id]
    return ODataError(
        403,
        ErrorCode.UN_MANAGED_IDS_ACCESS_DENIED,
        f"Principal with id {caller.user_id} does not have {verb}Access right(s) for record with "
        f"id {row_id} of entity {table.logical_name}",
    )


def denied(user_id: str, verb: str, table: TableDefinition) -> ODataError:
    """Dataverse's refusal for a missing privilege."""
    name = f"prv{verb}{table.schema_name}"
    return ODataError(
        403,
        ErrorCode.PRIVILEGE_DENIED,
        f"Principal user (Id={user_id}, type=8, roleCount=0, privilegeCount=0, accessMode=0) is "
        f"missing {name} privilege (Id={fixed_id('privilege/' + name)}) on "
        f"OTC={table.object_type_code} for entity '{table.logical_name}' "
        f"(LocalizedName='{table.display_name}'). context.Caller=" + user_id,
    )
