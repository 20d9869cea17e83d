"""What can happen in the histories of the state machine: faults, works, and ways to be installed."""

from hypothesis import strategies as st

from connector.dataverse.writes.sender import WriteOptions, WriteWay
from connector.emulator.protection.faults import KINDS
from tests.support.emulated import Ways

NUMBERS = st.integers(0, 7)
SELLERS = st.integers(0, 3)
FAULTS = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(sorted(set(KINDS) - {"status", "latency", "late_commit"})),
            "method": st.sampled_from([None, "GET", "PATCH", "POST"]),
            "skip": st.integers(0, 4),
            "count": st.integers(1, 3),
            "table": st.just("lead"),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["latency", "late_commit"]),
            "seconds": st.just(0.0001),
            "skip": st.integers(0, 4),
            "count": st.integers(1, 3),
        }
    ),
    st.fixed_dictionaries(
        {
            "status": st.sampled_from([429, 500, 502, 503, 504]),
            "method": st.sampled_from([None, "GET", "PATCH", "POST"]),
            "skip": st.integers(0, 4),
            "count": st.integers(1, 9),
            "headers": st.sampled_from([{}, {"Retry-After": "7"}, {"Retry-After": "1700"}]),
        }
    ),
)
WORKS = st.sampled_from(["cycle"] * 4 + ["retry", "apply", "undo", "backfill"])
WAYS = st.builds(
    Ways,
    writes=st.builds(
        WriteOptions,
        way=st.sampled_from([WriteWay.PARALLEL, WriteWay.BATCH]),
        concurrency=st.integers(1, 3),
        batch_size=st.just(3),
    ),
    splits_owner=st.booleans(),
    connects_by_action=st.booleans(),
    page_size=st.sampled_from([2, 5000]),
    reads_people=st.sampled_from([False] * 7 + [True]),
)
