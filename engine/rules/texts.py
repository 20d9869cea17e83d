"""Texts of a rules file that mean a time, a day or a zone; each is given back or refused."""

import re
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from engine.rules.durations import parse_duration


def check_time_zone(name: str) -> str:
    """The name of a time zone; raises ValueError."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        message = f'"{name}" is not a time zone; write a name such as Europe/London'
        raise ValueError(message) from error
    return name


def check_duration(text: str) -> str:
    """A length of time such as "3 working days"; raises ValueError."""
    parse_duration(text)
    return text


def check_working_time(text: str) -> str:
    """A length of working time in minutes or hours; raises ValueError."""
    parse_working_time(text)
    return text


def parse_working_time(text: str) -> timedelta:
    """Read "30 minutes" or "4 hours"; raises ValueError."""
    found = parse_duration(text)
    if found.unit not in {"minute", "hour"} or not found.count:
        message = f'"{text}" is not a length of working time; write "30 minutes" or "4 hours"'
        raise ValueError(message)
    return found.count * timedelta(minutes=1 if found.unit == "minute" else 60)


def check_day(text: str) -> str:
    """A day such as 2026-12-01; raises ValueError."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        message = f'"{text}" is not a day; write it as 2026-12-01'
        raise ValueError(message) from error


def check_clock_time(text: str) -> str:
    """A time of the day such as 08:30; raises ValueError."""
    if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", text):
        message = f'"{text}" is not a time of the day; write it as 08:30'
        raise ValueError(message)
    return text
