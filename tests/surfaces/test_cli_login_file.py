"""The file of a log-in: read strictly, written for its user alone, never followed through a link."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stack_local.domain.errors import InvalidRequest, Unavailable
from stack_local.domain.secrets import Secret
from stack_local.surfaces.cli import login_file
from stack_local.surfaces.cli.login_file import LogIn

NOW = datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)
LOG_IN = LogIn(
    client_id="stack-cli",
    refresh_token=Secret("sk_refresh_x"),
    issued_at=NOW,
    refresh_expires_at=NOW + timedelta(days=30),
    scope="proxy:read",
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "user" / ".stack" / "credentials.json"


def test_what_was_written_is_read_again(place: Path) -> None:
    login_file.write(place, LOG_IN)
    assert login_file.find(place) == LOG_IN


def test_file_and_folder_are_private_whatever_the_mask_says(place: Path) -> None:
    place.parent.parent.mkdir()
    before = os.umask(0)
    try:
        login_file.write(place, LOG_IN)
    finally:
        os.umask(before)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_replaced_by_one_they_cannot(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_text("{}")
    place.chmod(0o644)
    login_file.write(place, LOG_IN)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_folder_in_which_others_write_is_warned_of(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place.parent.mkdir(parents=True)
    place.parent.chmod(0o777)
    login_file.write(place, LOG_IN)
    assert "others can replace" in capsys.readouterr().err


def test_a_link_is_neither_followed_nor_written_through(place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    login_file.write(other, LOG_IN)
    place.parent.mkdir(parents=True)
    place.symlink_to(other)
    with pytest.raises(Unavailable):
        login_file.find(place)
    before = other.read_bytes()
    login_file.write(place, LOG_IN)
    assert (place.is_symlink(), other.read_bytes()) == (False, before)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_house(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        login_file.write(tmp_path / "file" / "credentials.json", LOG_IN)


def test_where_there_is_no_file_there_is_no_log_in(place: Path) -> None:
    assert login_file.find(place) is None
    login_file.delete(place)


GOOD = {
    "client_id": "stack-cli",
    "refresh_token": "sk_refresh_x",
    "issued_at": "2026-11-22T12:00:00Z",
    "refresh_expires_at": "2026-12-22T12:00:00Z",
    "scope": "",
}

BAD = {
    "no JSON": "sk_refresh_x",
    "a list": "[]",
    "nothing": "",
    "a member twice": '{"scope": "", ' + json.dumps(GOOD)[1:],
    "no token": json.dumps({**GOOD, "refresh_token": None}),
    "a number for a moment": json.dumps({**GOOD, "issued_at": 1_700_000_000}),
    "no moment": json.dumps({**GOOD, "issued_at": "yesterday"}),
    "a moment without a zone": json.dumps({**GOOD, "issued_at": "2026-11-22T12:00:00"}),
    "a member less": json.dumps({name: value for name, value in GOOD.items() if name != "scope"}),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_file_with_something_else_is_refused_without_its_words(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True)
    place.write_text(text)
    with pytest.raises(InvalidRequest) as refused:
        login_file.find(place)
    assert "sk_refresh" not in f"{refused.value.message} {refused.value.details} {refused.value.__cause__}"


def test_a_member_that_is_not_ours_is_passed_over(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps({**GOOD, "base_url": "http://127.0.0.1:7822"}))
    found = login_file.find(place)
    assert found is not None
    assert "sk_refresh" not in repr(found)


def test_a_file_too_long_is_not_read(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_text(" " * login_file.MAX_BYTES + "x")
    with pytest.raises(Unavailable):
        login_file.find(place)
