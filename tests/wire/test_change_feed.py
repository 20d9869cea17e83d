"""The change feed on the wire."""

import pytest
import responses

from connector.dataverse.client import DataverseClient
from connector.ports import TableQuery
from engine.errors import ConfigProblem, FatalError, ResyncRequired
from tests.wire.conftest import API, ROOT, Build, add_tables, error_body

LEADS = TableQuery(table="lead", columns=("subject", "_ownerid_value"), page_size=2)
DELTA = f"{API}/leads?$select=subject,_ownerid_value&$deltatoken=919042%2108%2f22%2f2017%2008%3a10%3a44"


def test_the_first_page_asks_for_tracking_and_keeps_the_delta_link(
    client: DataverseClient, wire: responses.RequestsMock
) -> None:
    wire.get(
        f"{API}/leads",
        json={"@odata.deltaLink": DELTA, "value": [{"@odata.etag": 'W/"1"', "leadid": "a", "subject": "x"}]},
    )
    page = client.fetch_first_page(LEADS)
    asked = wire.calls[-1].request
    assert asked.url == f"{API}/leads?$select=subject,_ownerid_value"
    assert asked.headers["Prefer"].startswith("odata.track-changes,odata.maxpagesize=2,")
    assert page.rows[0]["leadid"] == "a"
    assert (page.next_link, page.delta_link) == (None, DELTA)
