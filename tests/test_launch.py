"""Starting appliances: what a command that opens one of its own says when it is refused."""

from pathlib import Path

import pytest

from stack_local.domain.errors import Conflict, InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.launch import RealLaunch
from tests.conftest import PASSPHRASE


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_LOCAL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("STACK_LOCAL_TEST_PROFILE", "cheapest")


def test_a_short_passphrase_is_a_plain_refusal_and_makes_no_vault(tmp_path: Path) -> None:
    launch = RealLaunch()
    with pytest.raises(InvalidRequest) as refused:
        launch.create(tmp_path / "home", Secret("short"))
    assert refused.value.details["field"] == "passphrase"
    assert not launch.has_vault(tmp_path / "home")


def test_a_vault_is_made_once(tmp_path: Path) -> None:
    launch = RealLaunch()
    assert launch.create(tmp_path / "home", Secret(PASSPHRASE)).home == str(tmp_path / "home")
    with pytest.raises(Conflict) as refused:
        launch.create(tmp_path / "home", Secret(PASSPHRASE))
    assert refused.value.code == "VAULT_EXISTS"
