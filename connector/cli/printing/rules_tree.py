"""A rule set as a tree for people; which rule set is the command's part."""

from rich.markup import escape
from rich.tree import Tree

from connector.cli.printing.output import count_of
from engine.conditions.language.printing import describe
from engine.rules.models import (
    EVERY_DAY,
    AccessTeam,
    AccountColumn,
    AnySeller,
    Queues,
    Retry,
    Rule,
    ScheduledRuns,
    Segment,
    Selection,
    Sellers,
    TakeBack,
    Teams,
)
from engine.rules.rule_set import RuleSet


def build_tree(rule_set: RuleSet, table: str) -> Tree:
    """The segments of a table in the order they are tried, with their rules; idle ones last."""
    tree = Tree(f"[bold]{escape(table)}[/bold]")
    active = rule_set.segments_of(table)
    idle = [segment for segment in rule_set.segments if segment.table == table]
    for segment in (*active, *(segment for segment in idle if not segment.active)):
        branch = tree.add(escape(_describe_segment(segment)))
        if segment.when is not None:
            branch.add(escape(f"when {describe(segment.when)}"))
        if segment.sequence is not None:
            branch.add(escape(f"sequence {segment.sequence}"))
        if segment.scheduled_runs is not None:
            branch.add(f"unassigned rows are tried {_describe_runs(segment.scheduled_runs)}")
        for number, rule in enumerate(rule_set.rules_of(segment), start=1):
            _add_rule(branch, number, rule)
    return tree


def _describe_segment(segment: Segment) -> str:
    order = "default" if segment.default else f"priority {segment.priority}"
    flags = {
        "not active": not segment.active,
        "takes rows of other segments": segment.accept_from_other_segments,
        "runs rules on a move": segment.route_on_move,
    }
    notes = [order, *(name for name, holds in flags.items() if holds)]
    return f"{segment.name} ({', '.join(notes)})"


def _add_rule(branch: Tree, number: int, rule: Rule) -> None:
    leaf = branch.add(escape(f"{number}. {rule.name}"))
    if rule.when is not None:
        leaf.add(escape(f"when {describe(rule.when)}"))
    if rule.created_within_hours is not None:
        leaf.add(f"created within {rule.created_within_hours} hours")
    leaf.add(escape(f"to {_describe_target(rule)}"))
    if rule.retry is not None:
        leaf.add(f"what waits is tried {_describe_retry(rule.retry)}")
    if rule.take_back is not None:
        leaf.add(escape(f"taken back {_describe_take_back(rule.take_back)}"))


def _describe_target(rule: Rule) -> str:
    match rule.assign_to:
        case AnySeller():
            target = "any seller"
        case Sellers(sellers=selection):
            target = f"sellers {_describe_selection(selection)}"
        case Teams(teams=selection):
            target = f"teams {_describe_selection(selection)}"
        case Queues(queues=selection):
            target = f"queues {_describe_selection(selection)}"
        case AccountColumn(account_column=column):
            target = f"the account's {column}"
        case AccessTeam():
            target = "the access team"
    return ", ".join([target, *_describe_distribution(rule)])


def _describe_selection(selection: Selection) -> str:
    if selection.matching is not None:
        return f"where {describe(selection.matching)}"
    return ", ".join(selection.named or ())


def _describe_distribution(rule: Rule) -> list[str]:
    notes = [rule.distribute_by.replace("_", " ")] if rule.distribute_by is not None else []
    if rule.when_several is not None:
        notes.append(f"when several fit: {rule.when_several.replace('_', ' ')}")
    if rule.available_within_hours is not None:
        notes.append(f"available within {rule.available_within_hours} hours")
    if rule.respect_capacity:
        notes.append("with capacity left")
    return notes


def _describe_take_back(policy: TakeBack) -> str:
    by = "its owner touches" if policy.touched_by == "owner" else "somebody touches"
    sign = f" (or {policy.touch_column} says so)" if policy.touch_column else ""
    most = "once" if policy.hops == 1 else f"{policy.hops} times"
    return f"after {policy.after} of working time unless {by} it{sign}, at most {most}"


def _describe_retry(retry: Retry) -> str:
    notes = (
        ("every", retry.every_minutes, "minute"),
        ("for", retry.for_hours, "hour"),
        ("at most", retry.attempts, "time"),
    )
    return ", ".join(
        f"{word} {count_of(number, unit)}" for word, number, unit in notes if number is not None
    )


def _describe_runs(schedule: ScheduledRuns) -> str:
    is_daily = set(schedule.days) == set(EVERY_DAY)
    days = "every day" if is_daily else f"on {', '.join(schedule.days)}"
    begin = f" from {schedule.starts_on}" if schedule.starts_on else ""
    return f"{days} at {' and '.join(schedule.at)}{begin}, at most {schedule.rows}"
