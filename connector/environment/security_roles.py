"""Who may own what: security roles of sellers, through teams as well; assigning is elsewhere."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from connector.environment.row_values import children, key, text
from connector.ports import TableReader
from engine.records import GUID
from engine.schema import TableSchema

FindTable = Callable[[str], TableSchema | None]

_SETTINGS = "msdyn_salesaccelerationsettings"
_ELIGIBLE = "msdyn_securityrolesassignmentrules"
_PRIVILEGES = "roleprivileges_association"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Roles by user id; `eligible` are the roles that may be assigned work, empty = all.

    `readable` has the tables each role may read; None where the environment does not say.
    """

    roles: Mapping[str, AbstractSet[str]]
    eligible: AbstractSet[str]
    readable: Mapping[str, frozenset[str]] | None

    def is_eligible(self, user_id: str) -> bool:
        """The user holds a role that the settings of work assignment name."""
        return not self.eligible or not self.eligible.isdisjoint(self.roles.get(user_id, ()))

    def readable_tables(self, user_id: str) -> frozenset[str] | None:
        """The tables the user may read: none without a role, None where that is not known."""
        held = self.roles.get(user_id, frozenset())
        if not held:
            return frozenset()
        if self.readable is None:
            return None
        nothing: frozenset[str] = frozenset()
        return nothing.union(*(self.readable.get(role, nothing) for role in held))


def read_permissions(reader: TableReader, find: FindTable, tables: Sequence[str]) -> Permissions:
    """Read roles, what they may read of `tables`, and which are eligible for assignment.

    The roles of a business unit are copies of those of the root unit, and count as them.
    """
    columns = ("roleid", "_parentrootroleid_value")
    roots = {
        key(row, "roleid"): key(row, "_parentrootroleid_value") or key(row, "roleid")
        for row in reader.read_rows("role", columns)
    }
    return Permissions(
        roles=_read_roles(reader, roots),
        eligible=_read_eligible(reader, find, roots),
        readable=_read_readable(reader, find, roots, tables),
    )


def _read_roles(reader: TableReader, roots: Mapping[str, str]) -> Mapping[str, AbstractSet[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    members: defaultdict[str, list[str]] = defaultdict(list)
    for row in reader.read_rows("teammembership", ("teamid", "systemuserid")):
        members[key(row, "teamid")].append(key(row, "systemuserid"))
    for user, role in _pairs(reader, "systemuser", "systemuserroles_association"):
        found[user].add(roots.get(role, role))
    for team, role in _pairs(reader, "team", "teamroles_association"):
        for user in members[team]:
            found[user].add(roots.get(role, role))
    return found


def _pairs(reader: TableReader, table: str, navigation: str) -> Iterator[tuple[str, str]]:
    rows = reader.read_rows(table, (f"{table}id",), expand={navigation: ("roleid",)})
    for row in rows:
        for role in children(row, navigation):
            yield key(row, f"{table}id"), key(role, "roleid")


def _read_eligible(
    reader: TableReader, find: FindTable, roots: Mapping[str, str]
) -> frozenset[str]:
    settings = find(_SETTINGS)
    if settings is None or _ELIGIBLE not in settings.columns:
        return frozenset()
    texts = [text(row, _ELIGIBLE) for row in reader.read_rows(_SETTINGS, (_ELIGIBLE,))]
    named = {found.lower() for text in texts for found in GUID.findall(text)}
    return frozenset(roots.get(role, role) for role in named)


def _read_readable(
    reader: TableReader, find: FindTable, roots: Mapping[str, str], tables: Sequence[str]
) -> Mapping[str, frozenset[str]] | None:
    role = find("role")
    if role is None or _PRIVILEGES not in role.relationships:
        return None
    wanted = {f"prvread{table}": table for table in tables}
    found: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for row in reader.read_rows("role", ("roleid",), expand={_PRIVILEGES: ("name",)}):
        names = {key(child, "name") for child in children(row, _PRIVILEGES)}
        role_id = key(row, "roleid")
        found[roots.get(role_id, role_id)] |= {wanted[name] for name in names & wanted.keys()}
    return found
