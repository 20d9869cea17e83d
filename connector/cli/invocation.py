"""What every verb is given: the settings of this invocation; reading them is in `settings`."""

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

if TYPE_CHECKING:
    from connector.ports import Clock
    from settings.model import Settings


@dataclass(frozen=True)
class Invocation:
    """One run of the program."""

    env_file: Path | None = None

    @cached_property
    def settings(self) -> "Settings":
        """The settings, read at first use; raises ConfigProblem."""
        # Loaded late: the library behind them takes longer to load than all the rest of --help.
        sources = import_module("settings.sources")
        return cast("Settings", sources.load_settings(self.env_file))


def find_clock() -> "Clock":
    """The system's clock, from the composition root; loaded late, as that knows every library."""
    return cast("Clock", import_module("connector.service.system").SystemClock())


def invocation_of(context: typer.Context) -> Invocation:
    """The invocation that the program put into the context of every command."""
    invocation = context.find_object(Invocation)
    return invocation if invocation is not None else Invocation()


def settings_of(context: typer.Context) -> "Settings":
    """The settings of this invocation; raises ConfigProblem."""
    return invocation_of(context).settings


def start_verb(context: typer.Context) -> "Settings":
    """The settings of this invocation, with logs written as they say; raises ConfigProblem."""
    settings = settings_of(context)
    logs = import_module("connector.telemetry.logs")
    logs.configure_logs(settings.log.level.value, settings.log.format.value)
    return settings
