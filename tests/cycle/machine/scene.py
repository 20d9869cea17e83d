"""Where the histories of the state machine begin: an organization of four sellers, and rules files."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from connector.emulator.seed.organization import SeedSize
from tests.support.emulated import Known, StoreTemplate, Tenant
from tests.support.in_process import InProcessEmulator

ISLAND, ELSEWHERE = "Zembla", "Freedonia"
CAPACITY = 2
LARGE = 5000
HOPS = 2
TAKEN_BACK_AFTER = timedelta(hours=2)
TAKING_BACK = 4
"""The rules file under which sellers lose what they do not touch, by its place among them."""


def _rules(**changes: Any) -> dict[str, Any]:
    """Islanders go to anybody; large leads to whoever has capacity left."""
    return {
        "version": 1,
        "segments": [
            {
                "name": "Islands",
                "table": "lead",
                "priority": 1,
                "accept_from_other_segments": changes.get("accepts", False),
                "segment_id": changes.get("segment_id"),
                "when": {"column": "address1_country", "operator": "eq", "value": ISLAND},
                "sequence": "Trade-show follow-up",
            },
            {
                "name": "Large",
                "table": "lead",
                "priority": 2,
                "when": {"column": "revenue", "operator": "ge", "value": LARGE},
                "scheduled_runs": changes.get("scheduled_runs"),
            },
            *changes.get("segments", []),
        ],
        "sequences": [
            {
                "name": "Trade-show follow-up",
                "table": "lead",
                "sequence_id": changes.get("sequence_id"),
            }
        ],
        "rules": [
            {
                "name": f"Islanders{changes.get('suffix', '')}",
                "table": "lead",
                "segment": "Islands",
                "assign_to": changes.get("assign_to", {"any_seller": True}),
                "take_back": changes.get("take_back"),
            },
            {
                "name": f"Large ones{changes.get('suffix', '')}",
                "table": "lead",
                "segment": "Large",
                "assign_to": {"any_seller": True},
                "respect_capacity": True,
            },
        ],
    }


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """What all histories begin with; made once."""

    emulator: InProcessEmulator
    template: StoreTemplate
    sellers: tuple[str, ...]
    nobody: str
    rules: tuple[Mapping[str, Any], ...]
    known: Known = field(default_factory=Known)


@cache
def seeded() -> Seeded:
    """An organization of four sellers with room for two open leads each, and an empty store."""
    emulator = InProcessEmulator(
        SeedSize(sellers=4, leads=0, opportunities=0, insights=0), accept_any_token=False
    )
    tenant = Tenant(emulator)
    for row in tenant.call("GET", "msdyn_assignmentrules?$select=statecode")["value"]:
        tenant.call("DELETE", f"msdyn_assignmentrules({row['msdyn_assignmentruleid']})")
    maps = tenant.call("GET", "msdyn_assignmentmaps?$select=_msdyn_systemuserid_value")["value"]
    for row in maps:
        tenant.call(
            "PATCH",
            f"msdyn_assignmentmaps({row['msdyn_assignmentmapid']})",
            {"msdyn_maxcapacity": CAPACITY},
        )
    sellers = tuple(sorted(str(row["_msdyn_systemuserid_value"]) for row in maps))[:4]
    segment = _find_named(tenant, "msdyn_segment", "Trade shows")
    names = {"segment_id": segment, "sequence_id": _find_named(tenant, "msdyn_sequence")}
    related = {
        "name": "Banks",
        "table": "lead",
        "priority": 3,
        "when": {"column": "parentaccountid.industrycode", "operator": "eq", "value": 6},
    }
    emulator.keep()
    folder = tempfile.mkdtemp(dir=memory())
    return Seeded(
        emulator=emulator,
        template=StoreTemplate(Path(folder)),
        sellers=sellers,
        nobody=tenant.call("GET", "WhoAmI")["UserId"],
        rules=(
            _rules(**names),
            _rules(**names, suffix=" again", accepts=True),
            _rules(**names, assign_to={"sellers": {"named": [sellers[0], sellers[1]]}}),
            _rules(**names, segments=[related]),
            _rules(
                **names,
                take_back={
                    "after": f"{TAKEN_BACK_AFTER // timedelta(hours=1)} hours",
                    "hops": HOPS,
                },
                scheduled_runs={"at": ["06:00", "18:00"], "rows": 2},
            ),
        ),
    )


def _find_named(tenant: Tenant, table: str, name: str = "Trade-show follow-up") -> str:
    rows = tenant.call("GET", f"{table}s?$select=msdyn_name&$filter=msdyn_name eq '{name}'")
    return str(rows["value"][0][f"{table}id"])


def memory() -> str | None:
    """A folder in memory where there is one: a store on it costs no disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
