"""A keyring in memory that can be absent, or forget what it is given."""

from stack_local.domain.errors import Unavailable
from stack_local.domain.secrets import Secret


class MemoryKeyring:
    """Implements `stack_local.vault.keyring.KeyringPort`."""

    def __init__(self, *, is_available: bool = True, forgets: bool = False) -> None:
        self.is_available = is_available
        self.forgets = forgets
        self.entries: dict[str, str] = {}

    def find(self, name: str) -> Secret | None:
        self._demand()
        return Secret(self.entries[name]) if name in self.entries else None

    def set(self, name: str, value: Secret) -> None:
        self._demand()
        if not self.forgets:
            self.entries[name] = value.reveal()

    def delete(self, name: str) -> None:
        self._demand()
        self.entries.pop(name, None)

    def _demand(self) -> None:
        if not self.is_available:
            raise Unavailable("no keyring", code="KEYRING_UNAVAILABLE")
