"""The error tree, ordered by what the reader has to do; wire errors are mapped elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a structured document.

    `path` leads from the document's root to the offending key or item; `message` is one sentence
    that says what is wrong and what to do.
    """

    path: Path
    message: str


class LeadrobinError(Exception):
    """Something went wrong."""


class ConfigProblem(LeadrobinError):  # noqa: N818  the house word
    """The configuration cannot be used as it is (exit 2, no traceback)."""


class InvalidDocument(ConfigProblem):
    """A document with one or more problems, all collected before this is raised."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in problems))


class Unsafe(LeadrobinError):  # noqa: N818  the house word
    """Refused because it could do harm (exit 3)."""


class UnsafePlan(Unsafe):
    """The plan changes more than the limits allow."""
