"""Logging: one structured record for each action, and never a column value; JSON off a terminal."""

import logging
import sys
import traceback
from pathlib import PurePath

import structlog
from structlog.typing import FilteringBoundLogger, Processor

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs(level: str, form: str) -> None:
    """Set up logging on stderr; `form` is json, text, or auto: text on a terminal only."""
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if as_text
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_log() -> FilteringBoundLogger:
    """The log; give every record an `action`."""
    log: FilteringBoundLogger = structlog.get_logger()
    return log


def describe_failure(error: BaseException) -> str:
    """An error in one line: its kind, its text, and where it was raised.

    A whole trace is not logged: some renderers print the values of variables with it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
