"""A progress line for what takes longer; silent when nobody watches."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connector.cli.printing.output import stderr_console


@contextmanager
def show_progress(title: str) -> Generator[Callable[[str, int], None]]:
    """A line on stderr that counts what is reported to it: `report("read", 500)`."""
    console = stderr_console()
    if not console.is_terminal:
        yield lambda _what, _count: None
        return
    counts: dict[str, int] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title)

        def report(what: str, count: int) -> None:
            counts[what] = counts.get(what, 0) + count
            shown = ", ".join(f"{number} {name}" for name, number in counts.items())
            progress.update(task, description=f"{title}: {shown}")

        yield report
