"""Reads the environment and an env file into `Settings`; nobody else reads the environment."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from dotenv import dotenv_values
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from engine.errors import ConfigProblem
from engine.nearest import find_nearest
from settings.model import Settings

PREFIX = "LEADROBIN_"
OUTSIDE_NAMES = frozenset({"LEADROBIN_ENV_FILE"})
"""Names that are read before there are settings."""

FILE_SUFFIX = "_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One declared setting: its variable and its place in the tree."""

    variable: str
    group: str
    field: str
    info: FieldInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingValue:
    """One setting with the value in force, already masked, and where it comes from."""

    variable: str
    value: str | None
    source: str
    description: str


@dataclass(frozen=True, slots=True)
class _Given:
    text: str
    source: str


def declared_settings() -> Iterator[Declared]:
    """Every setting there is, in the order of the tree."""
    for group, group_info in Settings.model_fields.items():
        model = cast("type[BaseModel]", group_info.annotation)
        for field, info in model.model_fields.items():
            variable = f"{PREFIX}{group}__{field}".upper()
            yield Declared(variable=variable, group=group, field=field, info=info)


def load_settings(
    env_file: Path | str | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Build the settings from the environment and, below it, an env file.

    An empty value counts as not set. Raises ConfigProblem with one line for each thing wrong:
    unknown names, values out of range, a secret given twice, files that cannot be read.
    """
    given = _collect_given(env_file, environ)
    problems = _find_unknown_names(given)
    raw = _build_raw(given, problems)
    settings = _validate(raw, given, problems)
    if problems or settings is None:
        raise ConfigProblem("\n".join(sorted(set(problems))))
    return settings


def list_settings(
    env_file: Path | str | None = None, environ: Mapping[str, str] | None = None
) -> list[SettingValue]:
    """Every setting with the value in force, secrets masked; raises as load_settings does."""
    settings = load_settings(env_file, environ)
    given = _collect_given(env_file, environ)
    return [
        SettingValue(
            variable=declared.variable,
            value=_show(getattr(getattr(settings, declared.group), declared.field)),
            source=_source_of(declared, given),
            description=declared.info.description or "",
        )
        for declared in declared_settings()
    ]


def require_set(settings: Settings, names: Sequence[str]) -> None:
    """Raise ConfigProblem with a line for each of `names` ("dataverse.url") without a value."""
    declared = {f"{item.group}.{item.field}": item for item in declared_settings()}
    missing = [
        f"{declared[name].variable} is not set; give the {declared[name].info.description}."
        for name in names
        if getattr(getattr(settings, declared[name].group), declared[name].field) is None
    ]
    if missing:
        raise ConfigProblem("\n".join(missing))


def _collect_given(
    env_file: Path | str | None, environ: Mapping[str, str] | None
) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    variables = os.environ if environ is None else environ
    file = env_file or variables.get("LEADROBIN_ENV_FILE") or None
    if file is not None:
        for name, value in _read_env_file(Path(file)).items():
            _take(given, name, _Given(value or "", str(file)))
    for name, value in variables.items():
        _take(given, name, _Given(value, "environment"))
    return given


def _take(given: dict[str, _Given], name: str, value: _Given) -> None:
    upper = name.upper()
    if upper.startswith(PREFIX) and upper not in OUTSIDE_NAMES and value.text.strip():
        given[upper] = value


def _read_env_file(path: Path) -> dict[str, str | None]:
    try:
        with path.open(encoding="utf-8") as stream:
            return dict(dotenv_values(stream=stream, interpolate=False))
    except OSError as error:
        raise ConfigProblem(f"The env file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigProblem(f"The env file {path} is not UTF-8; save it as UTF-8.") from error


def _find_unknown_names(given: Mapping[str, _Given]) -> list[str]:
    known = [declared.variable for declared in declared_settings()]
    return [
        f"{name} ({value.source}) is not a setting; {_suggest(name, known)}"
        for name, value in given.items()
        if name not in known
    ]


def _suggest(name: str, known: Sequence[str]) -> str:
    group = [candidate for candidate in known if candidate.startswith(f"{name}__")]
    if group:
        return f"it is a group, set its parts one by one, such as {group[0]}."
    endings = [candidate.removeprefix(PREFIX) for candidate in known]
    near = find_nearest(name.removeprefix(PREFIX), endings)
    if near is not None:
        return f"did you mean {PREFIX}{near}?"
    return "`leadrobin settings show` lists all names."


def _build_raw(given: Mapping[str, _Given], problems: list[str]) -> dict[str, dict[str, object]]:
    raw: dict[str, dict[str, object]] = {}
    for declared in declared_settings():
        value = given.get(declared.variable)
        if value is not None:
            raw.setdefault(declared.group, {})[declared.field] = value.text
    for declared in _secrets_with_files():
        _resolve_secret(declared, raw.get(declared.group, {}), problems)
    return raw


def _secrets_with_files() -> Iterator[Declared]:
    by_place = {(declared.group, declared.field): declared for declared in declared_settings()}
    for (group, field), declared in by_place.items():
        if (group, field + FILE_SUFFIX) in by_place:
            yield declared


def _resolve_secret(declared: Declared, group: dict[str, object], problems: list[str]) -> None:
    """Put the content of `x_file` into `x`, so that readers of the settings need only `x`."""
    file = group.get(declared.field + FILE_SUFFIX)
    if file is None:
        return
    file_variable = f"{declared.variable}{FILE_SUFFIX.upper()}"
    if declared.field in group:
        problems.append(f"{declared.variable} and {file_variable} are both set; keep one of them.")
        return
    try:
        content = Path(str(file)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problems.append(f"{file_variable}: the file {file} cannot be read: {reason}.")
        return
    if not content:
        problems.append(f"{file_variable}: the file {file} is empty; put the value into it.")
        return
    group[declared.field] = content


def _validate(
    raw: Mapping[str, Mapping[str, object]], given: Mapping[str, _Given], problems: list[str]
) -> Settings | None:
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            variable = f"{PREFIX}{'__'.join(str(part) for part in item['loc'][:2])}".upper()
            message = item["msg"].removeprefix("Value error, ")
            problems.append(f"{variable}: {_lower_first(message)}{_quote_input(variable, given)}.")
        return None


def _quote_input(variable: str, given: Mapping[str, _Given]) -> str:
    """The value as given, unless it could be a secret."""
    value = given.get(variable)
    if value is None or any(declared.variable == variable for declared in _masked_settings()):
        return ""
    return f", but {value.source} gives {value.text!r}"


def _masked_settings() -> Iterator[Declared]:
    for declared in declared_settings():
        if not declared.info.repr or "SecretStr" in str(declared.info.annotation):
            yield declared


def _lower_first(message: str) -> str:
    return message[:1].lower() + message[1:]


def _source_of(declared: Declared, given: Mapping[str, _Given]) -> str:
    value = given.get(declared.variable)
    if value is not None:
        return value.source
    twin = given.get(f"{declared.variable}{FILE_SUFFIX.upper()}")
    return f"file {twin.text}" if twin is not None else "default"


def _show(value: object) -> str | None:
    if value is None or value == ():
        return None
    if isinstance(value, SecretStr):
        return "**********"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(part) for part in cast("tuple[object, ...]", value))
    return _mask_user_info(str(value))


def _mask_user_info(text: str) -> str:
    """`postgresql://user:secret@host/db` without the secret."""
    scheme, separator, rest = text.partition("://")
    if not separator or "@" not in rest:
        return text
    user_info, _, host = rest.rpartition("@")
    user, colon, _ = user_info.partition(":")
    return f"{scheme}://{user}{':**********' if colon else ''}@{host}"
