"""The keyring of the operating system: the seam, and the real one behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from stack_local.domain.errors import Unavailable
from stack_local.domain.secrets import Secret

SERVICE = "stack-local"
"""The name under which our entries stand in the keyring."""


class KeyringPort(Protocol):
    """What we ask of a keyring. Each call raises `Unavailable` where there is none or it stays closed."""

    def find(self, name: str) -> Secret | None: ...

    def set(self, name: str, value: Secret) -> None: ...

    def delete(self, name: str) -> None:
        """Remove the entry; one that is absent already is fine."""
        ...


class OperatingSystemKeyring:
    """The person's own keyring, by the `keyring` library. Loading it takes 50 ms, so it waits for the first use."""

    def find(self, name: str) -> Secret | None:
        import keyring

        with _translated():
            value = keyring.get_password(SERVICE, name)
        return None if value is None else Secret(value)

    def set(self, name: str, value: Secret) -> None:
        import keyring

        with _translated():
            keyring.set_password(SERVICE, name, value.reveal())

    def delete(self, name: str) -> None:
        import keyring

        with _translated():
            if keyring.get_password(SERVICE, name) is not None:
                keyring.delete_password(SERVICE, name)


@contextmanager
def _translated() -> Iterator[None]:
    from keyring.errors import KeyringError

    try:
        yield
    except (KeyringError, RuntimeError) as error:  # NoKeyringError is both, some backends raise the plain RuntimeError
        raise Unavailable(
            "the keyring of this machine is not available",
            code="KEYRING_UNAVAILABLE",
            hint="unlock with the passphrase, or log in to a desktop session that has a keyring",
        ) from error
