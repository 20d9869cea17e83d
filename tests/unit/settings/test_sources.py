"""Settings from the environment and an env file."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr, ValidationError

from connector.dataverse.reads.feed import FollowBy
from connector.dataverse.sign_in.options import SignInMode
from connector.dataverse.writes.sender import WriteWay
from connector.service.options import build_client_options
from engine.errors import ConfigProblem
from settings.model import SequenceMode, Settings
from settings.sources import declared_settings, list_settings, load_settings, require_set


def problem_of(environ: dict[str, str], env_file: Path | None = None) -> str:
    with pytest.raises(ConfigProblem) as caught:
        load_settings(env_file, environ)
    return str(caught.value)


def test_nothing_set_gives_the_defaults() -> None:
    assert load_settings(environ={}) == Settings()


def test_values_are_typed() -> None:
    settings = load_settings(
        environ={
            "LEADROBIN_DATAVERSE__URL": "https://contoso.crm4.dynamics.com/",
            "LEADROBIN_AUTH__MODE": "certificate",
            "LEADROBIN_POLL__TABLES": "lead, opportunity,",
            "LEADROBIN_POLL__INTERVAL_SECONDS": "15",
            "LEADROBIN_WRITE__SEQUENCE_MODE": "action",
            "LEADROBIN_WRITE__COEXIST": "true",
            "LEADROBIN_SAFETY__MAX_OWNER_CHANGE_SHARE": "0.25",
            "LEADROBIN_RULES__FILE": "rules.yaml",
            "HOME": "/root",
        }
    )
    assert settings.dataverse.url == "https://contoso.crm4.dynamics.com"
    assert settings.auth.mode == "certificate"
    assert settings.poll.tables == ("lead", "opportunity")
    assert settings.poll.interval_seconds == 15
    assert settings.write.sequence_mode is SequenceMode.ACTION
    assert settings.write.coexist is True
    assert settings.safety.max_owner_change_share == 0.25
    assert settings.rules.file == Path("rules.yaml")


@pytest.mark.parametrize("given", ["modified_on", "watermark"])
def test_following_by_modifiedon_may_be_called_as_before(given: str) -> None:
    settings = load_settings(environ={"LEADROBIN_POLL__FOLLOW_BY": given})
    assert settings.poll.follow_by == "modified_on"
    assert build_client_options(settings).follow_by is FollowBy.MODIFIED_ON


@pytest.mark.parametrize(
    ("variable", "choices"),
    [
        ("LEADROBIN_POLL__FOLLOW_BY", list(FollowBy)),
        ("LEADROBIN_WRITE__WAY", list(WriteWay)),
        ("LEADROBIN_AUTH__MODE", get_args(SignInMode)),
    ],
)
def test_a_wrong_choice_is_refused_with_all_that_the_client_knows(
    variable: str, choices: Sequence[str]
) -> None:
    *most, last = [f"'{choice}'" for choice in choices]
    assert problem_of({variable: "other"}) == (
        f"{variable}: input should be {', '.join(most)} or {last}, but environment gives 'other'."
    )


def test_an_empty_value_counts_as_not_set() -> None:
    assert load_settings(environ={"LEADROBIN_DATAVERSE__URL": " "}).dataverse.url is None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        setattr(load_settings(environ={}).poll, "interval_seconds", 5)  # noqa: B010  mypy knows it too


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("LEADROBIN_DATAVERSE__ULR", "did you mean LEADROBIN_DATAVERSE__URL?"),
        ("LEADROBIN_POLL", "set its parts one by one, such as LEADROBIN_POLL__INTERVAL_SECONDS."),
        ("LEADROBIN_DATAVERSE_URL", "did you mean LEADROBIN_DATAVERSE__URL?"),
        ("LEADROBIN_XQZ", "`leadrobin settings show` lists all names."),
        ("leadrobin_log__levl", "did you mean LEADROBIN_LOG__LEVEL?"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str) -> None:
    message = problem_of({name: "x"})
    assert message == f"{name.upper()} (environment) is not a setting; {_with_article(hint)}"


def _with_article(hint: str) -> str:
    return f"it is a group, {hint}" if hint.startswith("set its parts") else hint


def test_every_problem_is_told_at_once_with_its_variable() -> None:
    message = problem_of(
        {
            "LEADROBIN_POLL__PAGE_SIZE": "9000",
            "LEADROBIN_AUTH__MODE": "password",
            "LEADROBIN_DATAVERSE__URL": "contoso",
            "LEADROBIN_COLOUR": "red",
        }
    ).splitlines()
    assert [line.split(" ")[0].rstrip(":") for line in message] == [
        "LEADROBIN_AUTH__MODE",
        "LEADROBIN_COLOUR",
        "LEADROBIN_DATAVERSE__URL",
        "LEADROBIN_POLL__PAGE_SIZE",
    ]
    assert "must start with https://, but environment gives 'contoso'." in message[2]
    assert "less than or equal to 5000, but environment gives '9000'." in message[3]


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    file = tmp_path / "leadrobin.env"
    file.write_text("LEADROBIN_LOG__LEVEL=debug\nLEADROBIN_POLL__PAGE_SIZE=10\nOTHER=1\n")
    settings = load_settings(file, {"LEADROBIN_LOG__LEVEL": "error"})
    assert (settings.log.level, settings.poll.page_size) == ("error", 10)


def test_the_env_file_can_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "leadrobin.env"
    file.write_text("LEADROBIN_POLL__PAGE_SIZE=11\n")
    assert load_settings(environ={"LEADROBIN_ENV_FILE": str(file)}).poll.page_size == 11


def test_an_unknown_name_in_the_env_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "leadrobin.env"
    file.write_text("LEADROBIN_PAGE_SIZE=11\n")
    assert f"LEADROBIN_PAGE_SIZE ({file}) is not a setting" in problem_of({}, file)


def test_an_env_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "none.env"
    assert problem_of({}, file) == (
        f"The env file {file} cannot be read: No such file or directory."
    )


def test_an_env_file_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "latin.env"
    file.write_bytes(b"LEADROBIN_RULES__FILE=caf\xe9.yaml\n")
    assert problem_of({}, file) == f"The env file {file} is not UTF-8; save it as UTF-8."


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("  hush\n")
    settings = load_settings(environ={"LEADROBIN_AUTH__CLIENT_SECRET_FILE": str(file)})
    assert settings.auth.client_secret == SecretStr("hush")
    assert settings.auth.client_secret_file == file


def test_the_store_url_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+psycopg://u:p@h/d\n")
    settings = load_settings(environ={"LEADROBIN_STORE__URL_FILE": str(file)})
    assert settings.store.url == "postgresql+psycopg://u:p@h/d"


def test_a_secret_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    message = problem_of(
        {
            "LEADROBIN_AUTH__CLIENT_SECRET": "hush",
            "LEADROBIN_AUTH__CLIENT_SECRET_FILE": str(tmp_path / "secret"),
        }
    )
    assert message == (
        "LEADROBIN_AUTH__CLIENT_SECRET and LEADROBIN_AUTH__CLIENT_SECRET_FILE are both set;"
        " keep one of them."
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read: No such file"), (b" \n", "is empty"), (b"\xff", "is not UTF-8")],
)
def test_a_secret_file_of_no_use_is_a_problem(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    message = problem_of({"LEADROBIN_AUTH__STATIC_TOKEN_FILE": str(file)})
    assert message.startswith("LEADROBIN_AUTH__STATIC_TOKEN_FILE: the file ")
    assert words in message


def test_a_wrong_value_that_may_be_secret_is_not_repeated() -> None:
    message = problem_of(
        {"LEADROBIN_DATAVERSE__PROXY": "x", "LEADROBIN_STORE__LEASE_SECONDS": "hush"}
    )
    assert "gives 'hush'" in message
    assert "PROXY" not in message


def test_secrets_are_masked_wherever_they_are_printed(tmp_path: Path) -> None:
    environ = {
        "LEADROBIN_AUTH__CLIENT_SECRET": "hush-hush",
        "LEADROBIN_STORE__URL": "postgresql+psycopg://robin:hush-hush@db/leads",
        "LEADROBIN_DATAVERSE__PROXY": "http://robin@proxy:3128",
        "LEADROBIN_POLL__TABLES": "lead,account",
        "LEADROBIN_WRITE__COEXIST": "yes",
    }
    shown = {item.variable: item.value for item in list_settings(environ=environ)}
    assert "hush-hush" not in str(shown) + repr(load_settings(environ=environ))
    assert shown["LEADROBIN_AUTH__CLIENT_SECRET"] == "**********"
    assert shown["LEADROBIN_STORE__URL"] == "postgresql+psycopg://robin:**********@db/leads"
    assert shown["LEADROBIN_DATAVERSE__PROXY"] == "http://robin@proxy:3128"
    assert shown["LEADROBIN_POLL__TABLES"] == "lead,account"
    assert shown["LEADROBIN_WRITE__COEXIST"] == "true"
    assert shown["LEADROBIN_DATAVERSE__URL"] is None


def test_each_value_names_its_source(tmp_path: Path) -> None:
    env_file, secret = tmp_path / "a.env", tmp_path / "secret"
    env_file.write_text("LEADROBIN_LOG__LEVEL=debug\n")
    secret.write_text("hush")
    environ = {
        "LEADROBIN_POLL__PAGE_SIZE": "5",
        "LEADROBIN_AUTH__CLIENT_SECRET_FILE": str(secret),
    }
    sources = {item.variable: item.source for item in list_settings(env_file, environ)}
    assert sources["LEADROBIN_LOG__LEVEL"] == str(env_file)
    assert sources["LEADROBIN_POLL__PAGE_SIZE"] == "environment"
    assert sources["LEADROBIN_AUTH__CLIENT_SECRET"] == f"file {secret}"
    assert sources["LEADROBIN_AUTH__MODE"] == "default"


def test_every_setting_says_what_it_is_for() -> None:
    assert [item.variable for item in declared_settings() if not item.info.description] == []


def test_what_a_command_needs_is_asked_for_by_name() -> None:
    with pytest.raises(ConfigProblem) as caught:
        require_set(Settings(), ["dataverse.url", "rules.file", "store.url"])
    assert str(caught.value).splitlines() == [
        "LEADROBIN_DATAVERSE__URL is not set; give the environment URL, such as https://contoso.crm4.dynamics.com.",
        "LEADROBIN_RULES__FILE is not set; give the rules file, YAML or JSON.",
    ]


def test_what_is_there_is_not_asked_for() -> None:
    require_set(Settings(), ["store.url"])
