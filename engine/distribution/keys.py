"""Packs what candidates are compared by into one integer each; the keys live in `rankings`."""

from datetime import UTC, datetime, timedelta
from math import lcm

from engine.distribution.capacity import consumed_units
from engine.distribution.standings import Standings

_ZERO = datetime.min.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CLOCK_BITS = 60
_END_OF_TURN = 1 << _CLOCK_BITS
_SPARE_BITS = 40
"""Room for 2**40 further assignments or units before a field could run over."""


class KeyLayout:
    """The fields of a key, from the highest: bucket, load, mid-turn, clock, order, rank of the id.

    The smallest key is chosen. Ranks number the targets by id, so that the lowest bits name the
    target and break every tie. `blocked` is greater than every key.
    """

    def __init__(self, standings: Standings) -> None:
        self._standings = standings
        self._turns = standings.turns if standings.settings.use_weights else None
        self._last_clock: datetime | None = None
        self._last_stamp = 0
        members = standings.members
        self.position_of, self.rank_of = members.position_of, members.rank_of
        self._rank_bits = len(members.targets).bit_length()
        self.mask = (1 << self._rank_bits) - 1
        self._least_order = min(standings.order, default=0)
        most_order = max(standings.order, default=0) - self._least_order
        order_bits = max(most_order.bit_length() + 1, _SPARE_BITS)
        self._clock_shift = self._rank_bits + order_bits
        self.load_shift = self._clock_shift + _CLOCK_BITS + 1
        self._scale = lcm(*members.weights)
        self._units = [self._scale // weight for weight in members.weights]
        self._top = self._scale * max((abs(units) for units in self._limits()), default=0) + 1
        self._bucket_shift = self.load_shift + self._top.bit_length() + _SPARE_BITS
        self.blocked = 1 << (self._bucket_shift + 8)

    def _limits(self) -> list[int]:
        """Every maximum and every count the directory starts with."""
        standings = self._standings
        limits = [maximum for maximum in standings.maximum if maximum is not None]
        return [*limits, *(consumed_units(units, None) for units in standings.initially)]

    def line(self, position: int, clock: datetime | None) -> int:
        """The part that round robin compares."""
        standings = self._standings
        stamp = self._last_stamp if clock is self._last_clock else self._stamp(clock)
        if self._turns is None or self._turns[position] == 0:
            stamp |= _END_OF_TURN
        order = standings.order[position] - self._least_order
        return stamp << self._clock_shift | order << self._rank_bits | self.rank_of[position]

    def _stamp(self, clock: datetime | None) -> int:
        """Microseconds since the year 1, 0 for never; kept, for it is asked for again at once."""
        self._last_clock = clock
        self._last_stamp = 0 if clock is None else (clock - _ZERO) // _MICROSECOND + 1
        return self._last_stamp

    def load(self, position: int) -> int:
        """The part that load balancing compares first: less for more spare capacity."""
        standings = self._standings
        available, maximum = standings.available[position], standings.maximum[position]
        if available is None or maximum is None:
            return 0
        # A row of weight three consumes a third of a unit; `_scale` makes such parts whole.
        consumed = (maximum - available) * self._units[position]
        spare = (maximum - standings.handicap[position]) * self._scale - consumed
        return 2 * self._top - spare << self.load_shift

    def bucket(self, number: int) -> int:
        """The highest part: the availability bucket."""
        return number << self._bucket_shift
