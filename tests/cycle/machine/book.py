"""The machine's own book: who changed the owner of each row, and whether they might.

It is kept from what the machine itself did (edits, commands, rules files), from what the
environment shows (owners, and which rows a read gave away) and from nothing else: the connector's
store is not asked why an owner changed, or it would be right by definition.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tests.cycle.machine.scene import HOPS, ISLAND, LARGE, TAKEN_BACK_AFTER
from tests.support.emulated import Tenant

NEVER = -1
"""In place of a turn."""


class Change(NamedTuple):
    """The connector gave a row to somebody; turns number everything that happens."""

    before: str
    after: str
    turn: int


class Choice(NamedTuple):
    """A person gave a row that the connector knew of to a seller."""

    seller: str
    turn: int


@dataclass
class Story:
    """What happened to one row since it was made.

    `shown` is when a read gave it to the connector in a form that it can read. `is_known`: the
    connector must have it in its ledger. `given` is the assignment in force, `times` the earliest
    and the latest time that a clock showed since; `hands` are those who had the row by the rules.
    `reread` is when a column that rules read was changed, `asked` when somebody asked for a
    backfill of it.
    """

    shown: int = NEVER
    is_known: bool = False
    ours: list[Change] = field(default_factory=list[Change])
    given: Change | None = None
    times: tuple[datetime, datetime] | None = None
    hands: list[str] = field(default_factory=list[str])
    choice: Choice | None = None
    moved_choice: str | None = None
    is_by_hand: bool = False
    touched: int = NEVER
    reread: int = NEVER
    asked: int = NEVER
    put_back: tuple[Any, ...] | None = None


class Book:
    """The stories of all rows, and what in them must not be."""

    def __init__(self, tenant: Tenant, sellers: tuple[str, ...]) -> None:
        self.wrong: list[str] = []
        self.stories: dict[str, Story] = {}
        self._tenant = tenant
        self._sellers = sellers
        self._owners: dict[str, str] = {}
        self._turn = 0
        self._undone = self._open_undo = self._rules_changed = self._takes_back_until = NEVER
        self._takes_back = False

    # What the machine does.

    def make(self, row_id: str) -> None:
        """Somebody made a row."""
        self.stories[row_id] = Story(reread=self._next())
        self._sync()

    def edit(self, row_id: str, *, is_read_by_rules: bool) -> None:
        """Somebody changed a row, but not its owner."""
        story = self.stories[row_id]
        story.touched = self._next()
        if is_read_by_rules:
            story.reread = self._turn
        self._sync()

    def take(self, row_id: str, seller: str) -> None:
        """A person gave a row to a seller: a choice, where the connector must know of the row."""
        story = self.stories[row_id]
        story.touched = self._next()
        story.is_by_hand, story.moved_choice = True, None
        story.choice = Choice(seller, self._turn) if story.is_known else None
        self._sync()

    def drop(self, row_id: str) -> None:
        """Somebody deleted a row."""
        del self.stories[row_id]
        self._sync()

    def change_rules(self, *, takes_back: bool) -> None:
        """A rules file with or without a `take_back` is in force from now on."""
        self._note_taking_back()
        self._rules_changed, self._takes_back = self._next(), takes_back
        self._note_taking_back()

    def ask_undo(self) -> None:
        """From now on what we gave before may be put back."""
        self._undone = self._open_undo = self._next()

    def ask_backfill(self) -> None:
        """Rules may take the rows that they match now from those who have them."""
        self._next()
        rows = self._tenant.leads()
        for row_id, story in self.stories.items():
            if is_matched(rows[row_id]):
                story.asked = self._turn

    def settle(self) -> None:
        """All that was begun is done."""
        self._open_undo = NEVER

    # What the environment shows.

    def begin_cycle(self) -> int:
        """A cycle begins now; what it is shown counts for `end_cycle`."""
        self.look()
        return self._next()

    def show(self, row_ids: Iterable[str]) -> None:
        """A read gave these rows away."""
        for row_id in row_ids:
            if row_id in self.stories:
                self.stories[row_id].shown = self._next()

    def know(self, row_ids: Iterable[str]) -> None:
        """The connector writes these rows: it saved before that it would."""
        for row_id in row_ids:
            if row_id in self.stories:
                self.stories[row_id].is_known = True

    def end_cycle(self, began: int) -> None:
        """A cycle came to its end: what it was shown, it must remember."""
        for story in self.stories.values():
            story.is_known = story.is_known or story.shown > began

    def look(self) -> None:
        """Every owner that is another one now, without a hand of ours in it, the connector changed."""
        before, self._owners = self._owners, self._tenant.owners()
        now = self._tenant.clock.now()
        for story in self.stories.values():
            if story.times is not None:
                story.times = (min(*story.times, now), max(*story.times, now))
        for row_id, owner in self._owners.items():
            if before.get(row_id, owner) != owner:
                self._judge(row_id, Change(before[row_id], owner, self._next()))

    def _judge(self, row_id: str, change: Change) -> None:
        story = self.stories[row_id]
        if self._is_put_back(story, change):
            self._note_put_back(row_id, story, change)
        else:
            problem = self._find_problem(story, change)
            if problem is not None:
                who = f"from {change.before} to {change.after}"
                self.wrong.append(f"{row_id} went {who}: {problem}")
            self._note_given(story, change)
        story.ours.append(change)
        story.is_known, story.touched = True, NEVER

    def _is_put_back(self, story: Story, change: Change) -> bool:
        """Somebody asked for an undo after we gave the row, and it goes back to who had it."""
        return any(
            (given.before, given.after) == (change.after, change.before)
            and given.turn < self._open_undo
            for given in story.ours
        )

    def _find_problem(self, story: Story, change: Change) -> str | None:
        if change.after not in self._sellers:
            return "nobody who sells may have it"
        if story.choice is not None:
            is_asked = story.asked > story.choice.turn
            return None if is_asked else "a person chose whom it is with"
        if story.given is not None:
            return self._find_problem_of_taking_back(story, story.given, change)
        return None

    def _find_problem_of_taking_back(
        self, story: Story, given: Change, change: Change
    ) -> str | None:
        """A row is given to somebody else only where its seller loses it."""
        self._note_taking_back()
        if given.after != change.before:
            return f"we gave it to {given.after}"
        if self._takes_back_until < given.turn:
            return "it was given already, and no rule takes it back"
        earliest, latest = story.times or (datetime.max, datetime.min)
        if latest - earliest < TAKEN_BACK_AFTER:
            return f"it was given already, not before {earliest}"
        if self._may_be_decided_anew(story, given):
            return None
        if story.touched > given.turn:
            return "somebody touched it, and it was taken back"
        if change.after in story.hands:
            return "it was taken back, and given to somebody who had it"
        if len(story.hands) > HOPS:
            return "it was taken back more often than its rule allows"
        return None

    def _may_be_decided_anew(self, story: Story, given: Change) -> bool:
        """Whether a rule may have left the row with whom it was, without a write that shows it.

        From then on its touches, and those who had it before, do not count.
        """
        occasions = (story.reread, story.asked, self._rules_changed, self._undone)
        return max(occasions) > given.turn

    def _note_given(self, story: Story, change: Change) -> None:
        """Rules gave the row to somebody."""
        is_moved = story.given is not None and story.choice is None
        keeps_hands = is_moved and not self._may_be_decided_anew(story, story.given or change)
        if story.choice is not None:
            story.moved_choice = story.choice.seller
        had_it = story.hands if keeps_hands else [change.before] if is_moved else []
        story.hands = [*had_it, change.after]
        now = self._tenant.clock.now()
        story.given, story.times = change, (now, now)
        story.choice = story.put_back = None

    def _note_put_back(self, row_id: str, story: Story, change: Change) -> None:
        """An undo took an assignment back: the row may be assigned again, but a choice is one."""
        story.given = story.times = None
        story.put_back = read_by_rules(self._tenant.leads()[row_id])
        if story.moved_choice == change.after:
            story.choice = Choice(change.after, change.turn)

    def _note_taking_back(self) -> None:
        if self._takes_back:
            self._takes_back_until = self._turn

    def _sync(self) -> None:
        self._owners = self._tenant.owners()

    def _next(self) -> int:
        self._turn += 1
        return self._turn


def is_matched(row: Mapping[str, Any]) -> bool:
    """Whether a rule wants to give the row to somebody."""
    wanted = row["address1_country"] == ISLAND or (row["revenue"] or 0) >= LARGE
    return row["statecode"] == 0 and wanted


def read_by_rules(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the rules read of a lead itself, and who has it."""
    return row["address1_country"], row["revenue"], row["ownerid"]
