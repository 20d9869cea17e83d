"""The index of the pool answers as a look at every candidate does, whatever happened before."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.distribution.capacity import CapacityUnits
from engine.distribution.explain import Change, Reasons
from engine.distribution.model import DistributionRequest, DistributionSettings
from engine.distribution.newcomer_rules import FairnessSettings
from engine.distribution.newcomers import Calibration
from engine.distribution.pool import SellerPool
from engine.distribution.scan import scan
from engine.distribution.standings import Standings
from engine.sellers import Calendar, Directory, Seller, Team
from engine.statuses import RoutingStatus
from tests.unit.distribution.pools import open_pool, open_standings

START = datetime(2026, 3, 27, 6, 30, tzinfo=UTC)
TABLES = ("lead", "opportunity")
moments = st.integers(0, 30 * 24 * 4).map(lambda quarters: START + timedelta(minutes=15 * quarters))
maybe_moments = st.none() | moments
calendars = st.sampled_from(
    [
        None,
        Calendar(
            time_zone="Europe/London",
            weekly={"mon": (("09:00", "17:00"),), "tue": (("22:00", "06:00"),)},
        ),
        Calendar(
            time_zone="America/New_York",
            weekly=dict.fromkeys(("mon", "wed", "fri", "sun"), (("08:00", "16:00"),)),
            breaks={"wed": (("12:00", "12:30"),)},
        ),
        Calendar(
            time_zone="Australia/Lord_Howe", time_off=((date(2026, 3, 20), date(2026, 4, 5)),)
        ),
        Calendar(weekly={}),
    ]
)


@st.composite
def sellers(draw: st.DrawFn, number: int) -> Seller:
    return Seller(
        id=f"{draw(st.sampled_from('abAB'))}{number:03}",
        name=f"Seller {number}",
        row={},
        max_capacity=draw(st.none() | st.integers(0, 4)),
        consumed=draw(st.dictionaries(st.sampled_from((*TABLES, "case")), st.integers(0, 3))),
        last_assigned_at=draw(maybe_moments),
        last_assigned_at_by_rule=draw(st.dictionaries(st.sampled_from("RS"), moments, max_size=2)),
        assignment_order=draw(st.integers(-2, 3)),
        calendar=draw(calendars),
        weight=draw(st.integers(1, 3)),
        turns_taken=draw(st.integers(0, 2)),
        joined_at=draw(maybe_moments),
        head_start=draw(st.integers(0, 3)),
    )


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    count = draw(st.integers(1, 14))
    people = tuple(draw(sellers(number)) for number in range(count))
    members = st.lists(st.sampled_from([seller.id for seller in people]), max_size=3)
    teams = tuple(
        Team(
            id=f"t{number}",
            name="",
            row={},
            members=tuple(draw(members)),
            last_assigned_at=draw(maybe_moments),
            max_capacity=draw(st.none() | st.integers(0, 3)),
        )
        for number in range(draw(st.integers(0, 3)))
    )
    return Directory(sellers=people, teams=teams)


distribution_settings = st.builds(
    DistributionSettings,
    default_capacity=st.none() | st.integers(1, 3),
    round_robin_scope=st.sampled_from(("organization", "rule")),
    load_balance_every_bucket=st.booleans(),
    use_weights=st.booleans(),
    units=st.sampled_from(
        [CapacityUnits(), CapacityUnits(by_table={"lead": 2}, by_rule={"R": 3, "S": 0})]
    ),
    counted_tables=st.sampled_from([None, frozenset({"lead"}), frozenset(TABLES)]),
    fairness=st.none() | st.builds(FairnessSettings, ramp_days=st.integers(1, 9)),
)


class PlainPool:
    """The same bookkeeping with a look at every candidate in place of the index."""

    def __init__(self, directory: Directory, settings: DistributionSettings) -> None:
        self.standings = open_standings(directory, settings)
        self.calibration = settings.fairness and Calibration(self.standings, settings.fairness)

    def choose(self, request: DistributionRequest) -> tuple[int, RoutingStatus]:
        if self.calibration:
            self.calibration.advance(request.now)
        return scan(self.standings, request)


@given(data=st.data(), directory=directories(), chosen_settings=distribution_settings)
@settings(max_examples=80)
def test_the_index_answers_as_a_plain_scan_does(
    data: st.DataObject, directory: Directory, chosen_settings: DistributionSettings
) -> None:
    pool, plain = open_pool(directory, chosen_settings), PlainPool(directory, chosen_settings)
    count = len(plain.standings.targets)
    subsets = st.frozensets(st.integers(0, count - 1))
    known = data.draw(st.lists(subsets, min_size=1, max_size=4))
    ids = st.sampled_from([target.id for target in plain.standings.targets] + ["nobody"])
    windows = st.none() | st.sampled_from([1, 24, 60, 120])
    for _ in range(data.draw(st.integers(1, 25))):
        request = DistributionRequest(
            rule=data.draw(st.sampled_from("RS")),
            candidates=data.draw(st.sampled_from(known)),
            table=data.draw(st.sampled_from(TABLES)),
            method=data.draw(st.sampled_from(("round_robin", "load_balancing"))),
            now=data.draw(moments),
            within_hours=data.draw(windows),
            respect_capacity=data.draw(st.booleans()),
            owner_id=data.draw(st.none() | ids),
        )
        found, expected = pool.choose(request), plain.choose(request)
        assert (found.position, found.status) == expected
        if found.status is RoutingStatus.OWNER_ASSIGNED:
            owner = plain.standings.positions.get((request.owner_id or "").lower())
            pool.assign(request, found)
            plain.standings.assign(
                found.position, rule=request.rule, table=request.table, now=request.now, owner=owner
            )
        apply_by_hand(data, pool, plain.standings, ids)
        assert pool.snapshot() == plain.standings.snapshot()


def apply_by_hand(
    data: st.DataObject,
    pool: SellerPool,
    standings: Standings,
    ids: st.SearchStrategy[str],
) -> None:
    """Something that happens to a seller beside the engine."""
    who, table = data.draw(ids), data.draw(st.sampled_from(TABLES))
    position = standings.positions.get(who.lower())
    units = standings.settings.units.cost(table)
    match data.draw(st.sampled_from(("nothing", "touch", "release", "consume"))):
        case "touch":
            at = data.draw(moments)
            pool.touch(who, at)
            if position is not None:
                standings.move_clock(position, at)
        case "release":
            pool.release(who, table)
            if position is not None:
                standings.release(position, table, units)
        case "consume":
            pool.consume(who, table)
            if position is not None:
                standings.consume(position, table, units)


@given(data=st.data(), directory=directories(), chosen_settings=distribution_settings)
@settings(max_examples=80)
def test_a_change_that_is_named_would_have_changed_the_choice(
    data: st.DataObject, directory: Directory, chosen_settings: DistributionSettings
) -> None:
    chosen_settings = replace(chosen_settings, fairness=None)
    count = len(directory.sellers) + len(directory.teams)
    request = DistributionRequest(
        rule="R",
        candidates=data.draw(st.frozensets(st.integers(0, count - 1), min_size=1)),
        table="lead",
        method=data.draw(st.sampled_from(("round_robin", "load_balancing"))),
        now=data.draw(moments),
        within_hours=data.draw(st.none() | st.sampled_from([1, 24, 60, 120])),
        respect_capacity=data.draw(st.booleans()),
    )
    standings = open_standings(directory, chosen_settings)
    chosen, _ = scan(standings, request)
    for position in request.candidates:
        change = Reasons(standings, request).change_for(position)
        if change is None:
            continue
        assert position != chosen
        assert scan(changed(standings, request, change), request)[0] == position
        if change.units:
            fewer = replace(change, units=change.units - 1)
            assert scan(changed(standings, request, fewer), request)[0] != position


def changed(standings: Standings, request: DistributionRequest, change: Change) -> Standings:
    """A standings in which the change has come true, and nothing else."""
    other, at = open_standings(standings.members.directory, standings.settings), change.position
    if change.units is None:
        other.maximum[at] = other.available[at] = None
    elif change.units:
        other.maximum[at] = (other.maximum[at] or 0) + change.units
        other.available[at] = (other.available[at] or 0) + change.units
    if change.bucket is not None:
        hours = min(24 * change.bucket, request.within_hours or 0)
        other.calendars[at] = (free_once(request.now + timedelta(hours=hours)),)
    if change.before is not None:
        other.clock[at] = earlier = change.before - timedelta(microseconds=1)
        other.rule_clock[at] = {request.rule: earlier}
    return other


def free_once(start: datetime) -> Calendar:
    """A quarter of an hour a week, beginning at `start`."""
    day = start.strftime("%a").lower()
    end = start + timedelta(minutes=15)
    return Calendar(weekly={day: ((f"{start:%H:%M}", f"{end:%H:%M}"),)})
