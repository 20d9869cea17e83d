"""Three hours of service on the emulator's clock leave nothing behind; `soak` runs the whole day."""

from datetime import timedelta

import pytest

from tests.acceptance.soak import soak


@pytest.mark.slow
def test_hours_of_service_leak_neither_connection_nor_thread() -> None:
    result = soak(3, step=timedelta(minutes=5))
    assert result.created == result.counts["assigned"] == 36
    assert result.events["sign_in"] >= 3
    assert result.events["cycle_failed"] == 0
    first, last = result.samples[0], result.samples[-1]
    assert last.threads <= first.threads
    assert last.sockets <= first.sockets
    assert last.files <= first.files
    assert result.after is not None
    assert result.after.threads == result.before.threads
    assert result.after.sockets == result.before.sockets
