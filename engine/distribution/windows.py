"""Keeps everybody's availability bucket as time moves; working hours are in `availability`."""

from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from engine.calendars.availability import EARLIEST, LATEST, Outlook, Timeline, bucket_of, workable
from engine.sellers import Calendar

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

Stay = tuple[int | None, datetime, datetime]
"""A bucket (None: not within the window) and the stretch of time in which it holds."""


def stay_at(outlook: Outlook, now: datetime, window: timedelta) -> Stay:
    """The bucket that follows from an outlook at `now`; exactly `window` hours away is within."""
    if outlook.is_free:
        return 0, outlook.since, outlook.until
    if outlook.next_free is None:
        return None, outlook.since, outlook.until - window
    wait = outlook.next_free - now
    if wait > window:
        return None, outlook.since, outlook.next_free - window
    bucket = bucket_of(wait)
    since = outlook.next_free - min(bucket * _DAY, window)
    return bucket, max(outlook.since, since), outlook.next_free - (bucket - 1) * _DAY


class TimelineShelf:
    """One timeline for each distinct calendar, and the targets that share the same calendars."""

    def __init__(self, calendars: list[tuple[Calendar | None, ...]]) -> None:
        timelines: dict[str, Timeline] = {}
        groups: dict[tuple[str, ...], list[int]] = {}
        for position, each in enumerate(calendars):
            if None in each:
                continue
            known = [calendar for calendar in each if calendar is not None]
            texts = tuple(sorted({repr(calendar) for calendar in known}))
            groups.setdefault(texts, []).append(position)
            for calendar in known:
                timelines.setdefault(repr(calendar), Timeline(calendar))
        self.groups = [
            (tuple(timelines[text] for text in texts), tuple(members))
            for texts, members in groups.items()
        ]


class Window:
    """The bucket of every target for one width of window, brought up to date only where it is due.

    Targets without a calendar are always in bucket 0.
    """

    def __init__(self, shelf: TimelineShelf, within_hours: int, count: int) -> None:
        self.buckets: list[int | None] = [0] * count
        self._width = within_hours * _HOUR
        self._groups = shelf.groups
        self._due: list[tuple[datetime, int]] = []
        self._latest_since = LATEST

    def advance(self, now: datetime) -> list[int]:
        """Bring the buckets to `now`, forward or back; the positions whose bucket changed."""
        now = workable(now)
        if now < self._latest_since:
            return self._look_at_all(now)
        changed: list[int] = []
        while self._due and self._due[0][0] <= now:
            _, number = heappop(self._due)
            heappush(self._due, (self._look_at(number, now, changed), number))
        return changed

    def _look_at_all(self, now: datetime) -> list[int]:
        """Start over: time ran backwards, or this is the first look."""
        changed: list[int] = []
        self._latest_since = EARLIEST
        numbers = range(len(self._groups))
        self._due = [(self._look_at(number, now, changed), number) for number in numbers]
        heapify(self._due)
        return changed

    def _look_at(self, number: int, now: datetime, changed: list[int]) -> datetime:
        """Set one group's bucket; returns until when it holds."""
        timelines, members = self._groups[number]
        stays = [stay_at(each.outlook(now), now, self._width) for each in timelines]
        buckets = [bucket for bucket, _, _ in stays if bucket is not None]
        bucket = min(buckets, default=None)
        if bucket != self.buckets[members[0]]:
            changed.extend(members)
            for position in members:
                self.buckets[position] = bucket
        self._latest_since = max(self._latest_since, *(since for _, since, _ in stays))
        return min(until for _, _, until in stays)
