"""Reads the people work can go to; their clocks and consumed capacity come from the store."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from connector.environment.calendars import read_calendars
from connector.environment.row_values import children, key, text, whole
from connector.environment.security_roles import read_permissions
from connector.ports import IS_ACTIVE, Comparison, TableDescriber, TableReader, equals
from connector.watched_tables.queries import build_target_query
from engine.errors import ConfigProblem
from engine.records import Row
from engine.rules.rule_set import RuleSet
from engine.schema import Schema, TableSchema
from engine.sellers import Directory, Queue, Seller, Team

USER_COLUMNS = ("fullname", "isdisabled", "businessunitid", "accessmode")
TEAM_COLUMNS = ("name", "teamtype", "regardingobjectid", "businessunitid")
QUEUE_COLUMNS = ("name",)
NOT_PEOPLE = frozenset({3, 4, 5})
"""`accessmode` of support users, non-interactive users and delegated administrators."""


class DirectoryReader:
    """Sellers, teams and queues of one environment.

    A seller is an enabled user who is no application user. Tables of the sales add-ons that the
    environment lacks are taken as empty: everybody can be assigned, nobody has a maximum.
    """

    def __init__(
        self,
        reader: TableReader,
        describe: TableDescriber,
        rule_set: RuleSet,
        *,
        schema: Schema,
    ) -> None:
        self._reader = reader
        self._describe = describe
        self._rule_set = rule_set
        self._schema = schema

    def fetch_directory(self) -> Directory:
        """Everybody as the environment has them now."""
        return Directory(
            sellers=tuple(self._read_sellers()),
            teams=tuple(self._read_teams()),
            queues=tuple(self._read_queues()),
        )

    def _read_sellers(self) -> Iterable[Seller]:
        rows = self._read("systemuser", USER_COLUMNS, where=(equals("applicationid", None),))
        maps = self._read_assignment_maps()
        attributes = self._read_attributes()
        calendars = read_calendars(self._reader, self._find)
        permissions = read_permissions(self._reader, self._find, self._rule_set.tables)
        for row in rows:
            seller_id = key(row, "systemuserid")
            own = maps.get(seller_id, {})
            yield Seller(
                id=seller_id,
                name=text(row, "fullname"),
                row=row,
                is_disabled=row.get("isdisabled") is True or row.get("accessmode") in NOT_PEOPLE,
                is_assignable=own.get("msdyn_applicableforrouting") is not False
                and permissions.is_eligible(seller_id),
                readable_tables=permissions.readable_tables(seller_id),
                attributes=attributes.get(seller_id, {}),
                max_capacity=whole(own, "msdyn_maxcapacity"),
                calendar=calendars.get(seller_id),
            )

    def _read_teams(self) -> Iterable[Team]:
        members: defaultdict[str, list[str]] = defaultdict(list)
        for row in self._reader.read_rows("teammembership", ("teamid", "systemuserid")):
            members[key(row, "teamid")].append(key(row, "systemuserid"))
        for row in self._read("team", TEAM_COLUMNS):
            team_id = key(row, "teamid")
            yield Team(
                id=team_id,
                name=text(row, "name"),
                row=row,
                team_type=whole(row, "teamtype") or 0,
                members=tuple(sorted(members[team_id])),
            )

    def _read_queues(self) -> Iterable[Queue]:
        for row in self._read("queue", QUEUE_COLUMNS):
            yield Queue(id=key(row, "queueid"), name=text(row, "name"), row=row)

    def _read(
        self, table: str, always: Sequence[str], *, where: Sequence[Comparison] = ()
    ) -> Sequence[Row]:
        query = build_target_query(self._rule_set, table, self._schema, always=always)
        rows = self._reader.read_rows(
            table, query.columns, expand=query.expand or None, where=where
        )
        primary_id = self._schema[table].primary_id
        return sorted(rows, key=lambda row: key(row, primary_id))

    def _read_assignment_maps(self) -> Mapping[str, Row]:
        table = self._find("msdyn_assignmentmap")
        if table is None:
            return {}
        columns = ("msdyn_applicableforrouting", "msdyn_maxcapacity", "_msdyn_systemuserid_value")
        rows = self._reader.read_rows(table.name, columns, where=(IS_ACTIVE,))
        return {key(row, "_msdyn_systemuserid_value"): row for row in rows}

    def _read_attributes(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Attribute values of each seller, by the attribute's name."""
        if self._find("msdyn_attribute") is None or self._find("msdyn_attributevalue") is None:
            return {}
        names = {
            key(row, "msdyn_attributeid"): text(row, "msdyn_name")
            for row in self._reader.read_rows("msdyn_attribute", ("msdyn_name",))
        }
        navigation = "msdyn_msdyn_attributevalue_systemuser"
        values = self._reader.read_rows(
            "msdyn_attributevalue",
            ("msdyn_name", "_msdyn_parentattribute_value"),
            expand={navigation: ("systemuserid",)},
        )
        found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for row in values:
            name = names.get(key(row, "_msdyn_parentattribute_value"))
            for user in children(row, navigation):
                if name is not None:
                    found[key(user, "systemuserid")][name].append(text(row, "msdyn_name"))
        return {
            seller: {name: tuple(sorted(own)) for name, own in by_name.items()}
            for seller, by_name in found.items()
        }

    def _find(self, table: str) -> TableSchema | None:
        try:
            return self._describe(table)
        except ConfigProblem:
            return None
