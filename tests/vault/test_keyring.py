"""The real keyring: absent on this machine, or another backend of the library in its place."""

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as AbsentKeyring

from stack_local.domain.errors import Unavailable
from stack_local.domain.secrets import Secret
from stack_local.vault.keyring import OperatingSystemKeyring


class DictBackend(KeyringBackend):
    """A backend as the library wants it."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture(params=[DictBackend, AbsentKeyring])
def backend(request: pytest.FixtureRequest) -> object:
    before = keyring.get_keyring()
    keyring.set_keyring(request.param())
    yield keyring.get_keyring()
    keyring.set_keyring(before)


@pytest.mark.parametrize("backend", [DictBackend], indirect=True)
def test_an_entry_is_kept_found_and_deleted(backend: DictBackend) -> None:
    port = OperatingSystemKeyring()
    assert port.find("a") is None
    port.set("a", Secret("value"))
    assert port.find("a") == Secret("value")
    assert list(backend.entries) == [("stack-local", "a")]
    port.delete("a")
    port.delete("a")
    assert port.find("a") is None


@pytest.mark.parametrize("backend", [AbsentKeyring], indirect=True)
@pytest.mark.usefixtures("backend")
def test_a_machine_without_a_keyring_says_so() -> None:
    port = OperatingSystemKeyring()
    for call in (lambda: port.find("a"), lambda: port.set("a", Secret("v")), lambda: port.delete("a")):
        with pytest.raises(Unavailable) as refusal:
            call()
        assert refusal.value.code == "KEYRING_UNAVAILABLE"
