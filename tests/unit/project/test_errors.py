"""The error tree."""

from datetime import timedelta

from connector.errors import RetriableError


def test_an_error_worth_another_try_carries_the_servers_wait() -> None:
    assert RetriableError("busy", retry_after=timedelta(seconds=7)).retry_after == timedelta(
        seconds=7
    )
    assert RetriableError("busy").retry_after is None
