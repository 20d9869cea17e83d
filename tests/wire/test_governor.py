"""Pacing below the service protection limits, on a clock that only moves when somebody sleeps."""

from collections import deque
from datetime import timedelta

import pytest

from connector.dataverse.limits.budgets import DailyCount, PacedBudget, SlidingSum
from connector.dataverse.limits.governor import Governor, GovernorOptions
from connector.dataverse.limits.latency import LatencyWatch
from connector.dataverse.wire.errors import Fault, Reaction
from connector.dataverse.wire.metrics import NoMetrics
from connector.dataverse.wire.retrying import TimeBudget
from connector.errors import RetriableError
from tests.wire.conftest import START, Timeline


def build_governor(timeline: Timeline, **options: object) -> Governor:
    return Governor(
        GovernorOptions(**options),  # type: ignore[arg-type]
        TimeBudget(timedelta(hours=1), timeline),
        clock=timeline,
        sleep=timeline.sleep,
        metrics=NoMetrics(),
    )


def throttle(code: str = "0x80072322", seconds: float = 30) -> Fault:
    return Fault(
        status=429,
        code=code,
        message="limit",
        reaction=Reaction.THROTTLED,
        retry_after=timedelta(seconds=seconds),
    )


class Server:
    """Web servers with sliding windows of their own, taking turns; time passes with each request."""

    def __init__(self, timeline: Timeline, *, servers: int, execution: float) -> None:
        self.timeline = timeline
        self.execution = execution
        self.requests = [SlidingSum() for _ in range(servers)]
        self.seconds = [SlidingSum() for _ in range(servers)]
        self.turn = 0
        self.ends: deque[float] = deque()
        self.refused: list[float] = []
        self.served: list[float] = []

    def ask(self) -> Fault | None:
        self.turn = (self.turn + 1) % len(self.requests)
        now = self.timeline.now().timestamp()
        if self.requests[self.turn].total(now) >= 6000:
            self.refused.append(now)
            return throttle(seconds=20)
        if self.seconds[self.turn].total(now) >= 1200:
            self.refused.append(now)
            return throttle("0x80072321", seconds=20)
        self.requests[self.turn].add(now, 1)
        self.seconds[self.turn].add(now, self.execution)
        self.served.append(now)
        return None


def run(governor: Governor, server: Server, minutes: float) -> None:
    """Many threads seen from outside: a request ends when its time is over, the next may start."""
    timeline = server.timeline
    end = timeline.now() + timedelta(minutes=minutes)
    while timeline.now() < end:
        ticket = governor.admit("patch")
        fault = server.ask()
        if fault is not None:
            governor.throttle(ticket, fault)
        else:
            governor.finish(ticket, server.execution)


@pytest.mark.parametrize(("servers", "execution"), [(1, 0.05), (1, 0.6), (3, 0.05), (3, 0.6)])
def test_pacing_reaches_most_of_the_ceiling_without_being_told_the_number_of_servers(
    timeline: Timeline, servers: int, execution: float
) -> None:
    server = Server(timeline, servers=servers, execution=execution)
    governor = build_governor(timeline, max_concurrency=52)
    run(governor, server, 12)
    warm = len(server.served)
    server.refused.clear()
    run(governor, server, 10)
    done = len(server.served) - warm
    ceiling = servers * min(6000.0, 1200 / execution) * 2
    gaps = [b - a for a, b in zip(server.served[warm:], server.served[warm + 1 :], strict=False)]
    assert done / ceiling >= 0.88
    assert max(gaps) <= 60
    assert len(server.refused) / (done + len(server.refused)) <= 0.02


def test_a_single_server_is_hardly_ever_driven_into_its_limit(timeline: Timeline) -> None:
    server = Server(timeline, servers=1, execution=0.05)
    run(build_governor(timeline), server, 40)
    assert len(server.refused) <= 12


def test_headroom_is_left_to_other_applications(timeline: Timeline) -> None:
    server = Server(timeline, servers=1, execution=0.01)
    governor = build_governor(timeline, share=0.5)
    run(governor, server, 20)
    assert server.refused == []
    assert len(server.served) <= 4 * 0.5 * 6000 * 1.1


def test_a_short_burst_is_not_held_back(timeline: Timeline) -> None:
    governor = build_governor(timeline)
    for _ in range(200):
        governor.finish(governor.admit("page"), 0.1)
    assert timeline.slept == 0


def test_after_a_429_everybody_waits_and_one_probe_goes_out(timeline: Timeline) -> None:
    governor = build_governor(timeline)
    first, second = governor.admit("patch"), governor.admit("patch")
    governor.throttle(first, throttle(seconds=40))
    governor.finish(second, 0.1)
    probe = governor.admit("patch")
    assert timeline.slept >= 40
    assert probe.is_probe
    assert governor._delay("patch", 1) is None
    governor.finish(probe, 0.1)
    assert not governor.admit("patch").is_probe


def test_a_probe_that_gets_no_answer_is_replaced(timeline: Timeline) -> None:
    governor = build_governor(timeline)
    governor.throttle(governor.admit("patch"), throttle(seconds=1))
    governor.abandon(governor.admit("patch"))
    assert governor.admit("patch").is_probe


def test_too_much_concurrency_halves_the_slots(timeline: Timeline) -> None:
    governor = build_governor(timeline)
    before = governor.describe()["slots"]
    governor.throttle(governor.admit("patch"), throttle("0x80072326"))
    assert governor.describe()["slots"] == before / 2
    assert governor.describe()["request_rate"] == pytest.approx(19.0)


def test_without_pacing_only_a_429_holds_requests_back(timeline: Timeline) -> None:
    governor = build_governor(timeline, is_pacing=False)
    for _ in range(10_000):
        governor.finish(governor.admit("patch"), 0.1)
    assert timeline.slept == 0
    governor.throttle(governor.admit("patch"), throttle(seconds=30))
    governor.admit("patch")
    assert timeline.slept >= 30


def test_a_wait_beyond_the_time_of_the_cycle_ends_it(timeline: Timeline) -> None:
    governor = Governor(
        GovernorOptions(),
        TimeBudget(timedelta(seconds=10), timeline),
        clock=timeline,
        sleep=timeline.sleep,
        metrics=NoMetrics(),
    )
    governor.throttle(governor.admit("patch"), throttle(seconds=300))
    with pytest.raises(RetriableError) as caught:
        governor.admit("patch")
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > timedelta(seconds=290)
    assert timeline.slept == 0


def test_what_was_learned_survives_a_restart(timeline: Timeline) -> None:
    server = Server(timeline, servers=3, execution=0.05)
    governor = build_governor(timeline)
    run(governor, server, 20)
    learned = governor.describe()["request_rate"]
    assert learned > 2 * 19
    again = build_governor(timeline)
    again.restore(governor.to_plain())
    assert again.describe()["request_rate"] == pytest.approx(learned)
    assert again.to_plain() == governor.to_plain()


def test_the_window_survives_a_restart(timeline: Timeline) -> None:
    """A service restarted in a circle must not take a full budget each time."""
    server = Server(timeline, servers=1, execution=0.01)
    state: dict[str, object] | None = None
    for _ in range(30):
        governor = build_governor(timeline)
        if state is not None:
            governor.restore(state)
        run(governor, server, 0.5)
        state = governor.to_plain()
    assert len(server.refused) <= 3


def test_the_state_is_plain_data(timeline: Timeline) -> None:
    import json

    governor = build_governor(timeline)
    governor.finish(governor.admit("patch"), 0.2)
    assert json.loads(json.dumps(governor.to_plain())) == governor.to_plain()


def test_the_daily_entitlement_stops_work_when_it_is_told_to(timeline: Timeline) -> None:
    governor = build_governor(timeline, daily_limit=100, stop_at_daily_limit=True)
    governor.finish(governor.admit("batch", operations=99), 0.1)
    with pytest.raises(RetriableError, match="daily entitlement") as caught:
        governor.admit("batch", operations=2)
    assert caught.value.retry_after is not None
    timeline.instant += timedelta(hours=26)
    governor.admit("batch", operations=2)


def test_the_daily_entitlement_only_warns_otherwise(
    timeline: Timeline, capsys: pytest.CaptureFixture[str]
) -> None:
    governor = build_governor(timeline, daily_limit=10)
    for _ in range(20):
        governor.finish(governor.admit("patch"), 0.01)
    assert governor.describe()["used_today"] == 20
    assert capsys.readouterr().out.count("daily entitlement") == 1


def test_the_daily_count_forgets_after_a_day() -> None:
    count = DailyCount(100)
    now = START.timestamp()
    count.add(now, 60)
    assert count.used(now + 23 * 3600) == 60
    assert count.used(now + 26 * 3600) == 0


def test_the_daily_count_says_when_there_is_room_again() -> None:
    count = DailyCount(100)
    now = START.timestamp()
    count.add(now, 60)
    assert count.delay(now, 40) == 0
    assert 23 * 3600 < count.delay(now, 41) <= 25 * 3600


def test_slots_grow_towards_the_hint_and_never_beyond_the_setting(timeline: Timeline) -> None:
    governor = build_governor(timeline, max_concurrency=20)
    for _ in range(400):
        tickets = [governor.admit("patch") for _ in range(int(governor.describe()["slots"]))]
        assert governor._delay("patch", 1) is None
        timeline.instant += timedelta(seconds=1)
        for ticket in tickets:
            governor.finish(ticket, 0.5, hint=12)
    assert governor.describe()["slots"] == 20


def test_slots_shrink_when_requests_queue_on_the_server_without_any_429(timeline: Timeline) -> None:
    governor = build_governor(timeline)
    for seconds in [0.1] * 40 + [2.0] * 60:
        governor.finish(governor.admit("patch"), seconds)
        timeline.instant += timedelta(seconds=1)
    assert governor.describe()["slots"] < 4


def test_latency_is_expected_by_operation() -> None:
    watch = LatencyWatch()
    for _ in range(100):
        watch.observe("patch", 0.1)
        watch.observe("batch", 3.0)
    assert watch.expect("patch") == pytest.approx(0.1)
    assert watch.expect("batch") == pytest.approx(3.0)
    assert not watch.is_queueing


def test_a_sliding_sum_forgets_exactly_what_left_the_window() -> None:
    window = SlidingSum(10, 1)
    for second in range(20):
        window.add(float(second), 1)
    assert window.total(19.0) == 11
    assert window.delay_until(19.0, 5) == pytest.approx(6.0)
    assert window.total(100.0) == 0


def test_a_long_wait_is_slept_in_naps_so_that_a_stop_is_soon_noticed(timeline: Timeline) -> None:
    governor = build_governor(timeline)
    governor.throttle(governor.admit("query"), throttle(seconds=33))
    governor.admit("query")
    assert max(timeline.naps) == 5
    assert timeline.slept == pytest.approx(33)


def test_after_a_refusal_nothing_is_left_to_be_used_at_once() -> None:
    budget = PacedBudget(6000, share=0.95)
    assert budget.room(0) > 1
    budget.charge(0, 10)
    budget.learn_limit(0)
    assert budget.room(0) == 0


def test_what_stays_slow_becomes_the_level_that_queueing_is_seen_against() -> None:
    watch = LatencyWatch()
    for seconds in [*[0.1] * 30, *[0.3] * 60]:
        watch.observe("patch", seconds)
    assert watch.is_queueing
    for _ in range(2000):
        watch.observe("patch", 0.3)
    assert not watch.is_queueing
