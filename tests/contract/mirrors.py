"""A table as somebody knows it who follows its changes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from connector.ports import TableQuery
from engine.records import Row
from tests.contract.stages import Stage

LEADS = TableQuery(
    table="lead",
    columns=("subject", "revenue", "statecode", "_ownerid_value", "_modifiedby_value"),
    page_size=3,
)


@dataclass
class Mirror:
    """A table as somebody knows it who follows its changes."""

    stage: Stage
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    pages: list[int] = field(default_factory=list[int])
    link: str | None = None

    def follow(self, between: Callable[[], None] = lambda: None) -> tuple[list[str], list[str]]:
        """Which rows came and which are gone since the last time; `between` runs after each page."""
        environment, self.pages = self.stage.environment, []
        came: list[str] = []
        gone: list[str] = []
        page = (
            environment.fetch_first_page(LEADS)
            if self.link is None
            else environment.fetch_page(LEADS, self.link)
        )
        while True:
            self.pages.append(len(page.rows))
            came += [str(row["leadid"]) for row in page.rows]
            gone += page.deleted
            self.rows |= {str(row["leadid"]): row for row in page.rows}
            for row_id in page.deleted:
                self.rows.pop(row_id, None)
            if page.next_link is None:
                break
            between()
            page = environment.fetch_page(LEADS, page.next_link)
        assert page.delta_link is not None
        assert page.sees_deletions
        self.link = page.delta_link
        return came, gone
