"""Settings: what is out of bounds or unknown is refused by name, and the command line goes before the file."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.settings import BOUNDS, FILE_NAME, LOOPBACK, Settings, load


def home_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    return tmp_path


def refused(home: Path, **chosen: Any) -> dict[str, Any]:
    with pytest.raises(InvalidRequest) as refusal:
        load(home, **chosen)
    return dict(refusal.value.details)


def test_a_home_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings()


def test_every_number_has_bounds() -> None:
    assert {field.name for field in fields(Settings) if not isinstance(field.default, str)} == set(BOUNDS)


@pytest.mark.parametrize("name", BOUNDS)
def test_the_least_and_the_most_pass_and_what_lies_beyond_is_refused_by_name(tmp_path: Path, name: str) -> None:
    least, most = BOUNDS[name]
    for value in (least, most):
        assert getattr(load(tmp_path, **{name: value}), name) == value
    for value in (least - 1, most + 1, float("nan")):
        assert refused(tmp_path, **{name: value}) == {"field": name, "rule": f"{least} to {most}"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost", "192.168.1.2", "127.0.0.2", ""])
def test_a_host_that_is_not_loopback_is_refused_with_those_that_pass(tmp_path: Path, host: str) -> None:
    details = refused(tmp_path, host=host)
    assert details["field"] == "host"
    assert all(allowed in details["rule"] for allowed in LOOPBACK)
    assert refused(home_with(tmp_path, f'host = "{host}"')) == details


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("prot = 8000", "prot"),
        ("[server]\nport = 8000", "server"),
        ('port = "8000"', "port"),
        ("port = true", "port"),
        ("port = 8000.0", "port"),
        ("host = 1", "host"),
        ("tool_wait_seconds = '1'", "tool_wait_seconds"),
        ("detector_seconds = nan", "detector_seconds"),
        ("anchor_seconds = 11", "anchor_seconds"),
        ("port =", FILE_NAME),
        ("port = 1\nport = 2", FILE_NAME),
    ],
    ids=[
        "a misspelled name",
        "a table",
        "a number as text",
        "a truth as a number",
        "a fraction for a whole number",
        "a number as a host",
        "text for a fraction",
        "no number at all",
        "out of bounds",
        "not TOML",
        "a name twice",
    ],
)
def test_a_file_that_is_wrong_is_refused_by_the_name_of_what_is_wrong(tmp_path: Path, text: str, field: str) -> None:
    assert refused(home_with(tmp_path, text))["field"] == field


def test_a_file_of_other_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"port = 1 # \xff\xfe")
    assert refused(tmp_path)["field"] == FILE_NAME


def test_a_whole_number_is_good_for_a_fraction(tmp_path: Path) -> None:
    assert load(home_with(tmp_path, "tool_wait_seconds = 2")).tool_wait_seconds == 2


def test_what_is_chosen_goes_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    home = home_with(tmp_path, "port = 8000\nbody_seconds = 10")
    settings = load(home, port=9000, body_seconds=None, host=None)
    assert (settings.port, settings.body_seconds, settings.host) == (9000, 10, Settings().host)


def test_a_zero_that_is_chosen_is_a_choice(tmp_path: Path) -> None:
    assert load(home_with(tmp_path, "port = 8000"), port=0).port == 0


def test_a_wrong_file_is_refused_even_where_the_command_line_says_otherwise(tmp_path: Path) -> None:
    assert refused(home_with(tmp_path, "port = 70000"), port=8000)["field"] == "port"
