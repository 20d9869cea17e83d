"""What distribution is asked and what it answers; how the answer is found is in `pool`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from engine.distribution.capacity import CapacityUnits
from engine.distribution.newcomer_rules import FairnessSettings
from engine.records import EntityReference
from engine.sellers import Seller, Team
from engine.statuses import RoutingStatus

Method = Literal["round_robin", "load_balancing"]
Scope = Literal["organization", "rule"]


class DistributionRequest(NamedTuple):
    """One record to give away.

    `candidates` are positions in the pool (`SellerPool.position_of`): sellers of the directory
    first, teams behind them. Hand in the same frozenset object again for the same set: it is the
    key of the index. `within_hours` None switches the availability window off. `owner_id` is who
    owns the row now.
    """

    rule: str
    candidates: frozenset[int]
    table: str
    method: Method
    now: datetime
    within_hours: int | None = None
    respect_capacity: bool = False
    owner_id: str | None = None


class DistributionOutcome(NamedTuple):
    """Who was chosen, or nobody and why; `position` is their place in the pool, else -1."""

    seller: Seller | None
    status: RoutingStatus
    team: Team | None = None
    position: int = -1

    def reference(self) -> EntityReference | None:
        """The chosen seller or team as an owner."""
        chosen = self.seller or self.team
        return None if chosen is None else chosen.reference()


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionSettings:
    """How work is spread; the defaults are Microsoft's behaviour.

    `counted_tables` are those with an active rule in an active segment (None: every table).
    `use_weights`: a seller of weight 3 takes three records each time the turn comes, and a record
    weighs a third in load balancing. `load_balance_every_bucket` compares load beyond bucket 0D
    too. `fairness` calibrates newcomers and returners (None: as they come).
    """

    default_capacity: int | None = None
    round_robin_scope: Scope = "organization"
    load_balance_every_bucket: bool = False
    use_weights: bool = False
    units: CapacityUnits = field(default_factory=CapacityUnits)
    counted_tables: frozenset[str] | None = None
    fairness: FairnessSettings | None = None
