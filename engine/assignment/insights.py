"""Whom an insight goes to: one primary and many secondary users of its account or access team.

Rules for other tables are in `assigners`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from engine.assignment.assigners import draw, give
from engine.assignment.candidates import HAD_IT, Candidate
from engine.assignment.evaluator import TargetTest
from engine.assignment.routing import Attempt
from engine.conditions.evaluation.cells import read_cell, related_row
from engine.decisions.decision import CandidateTrace, Stage
from engine.distribution.pool import SellerPool
from engine.records import EntityReference, Record, Row
from engine.rules.models import AccountColumn, Rule
from engine.sellers import Team
from engine.statuses import RoutingStatus

_ACCOUNT = "msdyn_relatedrecord"


class People:
    """Who stands behind an account column or an access team."""

    def __init__(self, sellers: Sequence[Candidate], teams: Sequence[Team]) -> None:
        self._sellers = sellers
        self._by_id = {seller.reference.id.lower(): seller for seller in sellers}
        self._teams = {team.id.lower(): team for team in teams}
        self._access = [team for team in teams if team.row.get("_regardingobjectid_value")]

    def behind_column(self, record: Record, column: str) -> list[Candidate]:
        """The user that the account's column points to, or the members of the team it points to."""
        value = read_cell(_account_of(record), column)
        if not isinstance(value, str):
            return []
        if value.lower() in self._by_id:
            return [self._by_id[value.lower()]]
        team = self._teams.get(value.lower())
        return [] if team is None else self._members([team])

    def in_access_team(self, record: Record) -> list[Candidate]:
        """The members of the teams whose `regardingobjectid` is the insight or its account."""
        account_id = read_cell(_account_of(record), "accountid")
        ids = (record.id, read_cell(record.row, _ACCOUNT), account_id)
        wanted = {row_id.lower() for row_id in ids if isinstance(row_id, str)}
        return self._members([team for team in self._access if _regards(team) in wanted])

    def _members(self, teams: Sequence[Team]) -> list[Candidate]:
        """Members in the directory's order."""
        ids = {member.lower() for team in teams for member in team.members}
        return [seller for seller in self._sellers if seller.reference.id.lower() in ids]


def _account_of(record: Record) -> Row | None:
    return related_row(record.row, (_ACCOUNT,))


def _with_bar(seller: Candidate, pool: SellerPool) -> Candidate:
    """The seller as a candidate for the row at hand, which may have been taken back from them."""
    if seller.barred is None and seller.position in pool.passed_over:
        return replace(seller, barred=HAD_IT)
    return seller


def _regards(team: Team) -> str:
    return str(team.row["_regardingobjectid_value"]).lower()


class InsightAssigner:
    """One primary user, drawn by the row's id among those who fit; others who fit are secondary.

    "Configure assignment rules to automatically assign insights" (Dynamics 365 Sales): neither
    round robin nor capacity nor availability take part.
    """

    def __init__(
        self,
        rule: Rule,
        people: People,
        *,
        primary: TargetTest | None,
        secondary: Sequence[TargetTest],
    ) -> None:
        self._rule = rule
        self._people = people
        self._primary = primary
        self._secondary = tuple(secondary)

    def assign(self, record: Record, now: datetime, pool: SellerPool) -> Attempt:
        """The primary as target, the others secondary; 5 without a primary, 10 without rights."""
        people = self._list_open(record, pool)
        fitting = [seller for seller in people if self._is_primary(seller, record, now)]
        readable = [seller for seller in fitting if not seller.unreadable]
        if not readable:
            nobody = RoutingStatus.NO_SELLERS_MEET_CONDITIONS
            status = RoutingStatus.SELLER_LACKS_PERMISSIONS if fitting else nobody
            return Attempt(status, rule=self._rule.name)
        primary = self._draw(record, readable)
        others = tuple(self._list_secondary(record, now, people, primary, readable))
        give(pool, record, now, rule=self._rule.name, position=primary.position)
        return Attempt(RoutingStatus.OWNER_ASSIGNED, primary.reference, others, self._rule.name)

    def trace(self, record: Record, now: datetime, pool: SellerPool) -> tuple[CandidateTrace, ...]:
        """Everybody behind the account or the access team and what became of them."""
        fitting = self._list_readable(record, now, pool)
        primary = self._draw(record, fitting) if fitting else None
        others: set[EntityReference] = set()
        if primary is not None:
            people = self._list_open(record, pool)
            others.update(self._list_secondary(record, now, people, primary, fitting))
        return tuple(
            self._trace_one(_with_bar(seller, pool), primary, others)
            for seller in self._list(record)
        )

    def preview(self, record: Record, now: datetime, pool: SellerPool) -> EntityReference | None:
        """Who would be the primary."""
        fitting = self._list_readable(record, now, pool)
        return self._draw(record, fitting).reference if fitting else None

    def list_counterfactuals(
        self, record: Record, now: datetime, pool: SellerPool
    ) -> tuple[str, ...]:
        """Who would be the primary if the drawn one did not fit."""
        fitting = self._list_readable(record, now, pool)
        if len(fitting) < 2:
            return ()
        drawn = self._draw(record, fitting)
        other = self._draw(record, [seller for seller in fitting if seller is not drawn])
        name, instead = drawn.reference.name, other.reference.name
        return (f"{instead} would have been the primary if {name} did not fit",)

    def _list_readable(self, record: Record, now: datetime, pool: SellerPool) -> list[Candidate]:
        fitting = (seller for seller in self._list_open(record, pool) if not seller.unreadable)
        return [seller for seller in fitting if self._is_primary(seller, record, now)]

    def _list_open(self, record: Record, pool: SellerPool) -> list[Candidate]:
        """Those who can be given something."""
        people = (_with_bar(person, pool) for person in self._list(record))
        return [person for person in people if person.barred is None]

    def _list(self, record: Record) -> list[Candidate]:
        if isinstance(self._rule.assign_to, AccountColumn):
            return self._people.behind_column(record, self._rule.assign_to.account_column)
        return self._people.in_access_team(record)

    def _is_primary(self, seller: Candidate, record: Record, now: datetime) -> bool:
        return self._primary is None or self._primary(
            seller.row, seller.attributes, record.row, now
        )

    def _list_secondary(
        self,
        record: Record,
        now: datetime,
        people: Sequence[Candidate],
        primary: Candidate,
        fitting: Sequence[Candidate],
    ) -> Iterator[EntityReference]:
        """The rest of those who fit as primary, then those who fit a secondary condition."""
        rest = {seller.position for seller in fitting} - {primary.position}
        yield from (seller.reference for seller in fitting if seller.position in rest)
        for seller in people:
            is_new = seller.position not in rest and seller is not primary
            if is_new and not seller.unreadable and self._is_secondary(seller, record, now):
                yield seller.reference

    def _is_secondary(self, seller: Candidate, record: Record, now: datetime) -> bool:
        return any(test(seller.row, seller.attributes, record.row, now) for test in self._secondary)

    @staticmethod
    def _draw(record: Record, fitting: Sequence[Candidate]) -> Candidate:
        among = {seller.reference.id: index for index, seller in enumerate(fitting)}
        return fitting[draw(record.id, among)]

    @staticmethod
    def _trace_one(
        seller: Candidate, primary: Candidate | None, others: set[EntityReference]
    ) -> CandidateTrace:
        stage, detail = Stage.CONDITION, "fits neither the primary's nor a secondary's conditions"
        if seller is primary:
            stage, detail = Stage.CHOSEN, "the primary"
        elif seller.reference in others:
            stage, detail = Stage.ORDER, "secondary"
        elif seller.barred is not None:
            stage, detail = seller.barred
        elif seller.unreadable:
            stage, detail = Stage.PERMISSION, "the seller may not read insights"
        return CandidateTrace(target=seller.reference, stage=stage, detail=detail)
