"""Traces as plain JSON data and back, so that stored ones can be explained later."""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.decisions.decision import Trace


def trace_to_data(trace: Trace) -> dict[str, Any]:
    """A trace as `simulate --trace` and the store keep it."""
    data: dict[str, Any] = msgspec.to_builtins(trace)
    for rule in data["rules"]:
        rule["candidates"] = [
            {**candidate.pop("target"), **candidate} for candidate in rule["candidates"]
        ]
    return data


def trace_from_data(data: Mapping[str, Any]) -> Trace:
    """The inverse of `trace_to_data`."""
    rules = [
        {**rule, "candidates": [{**one, "target": one} for one in rule["candidates"]]}
        for rule in data["rules"]
    ]
    return msgspec.convert({**data, "rules": rules}, Trace)
