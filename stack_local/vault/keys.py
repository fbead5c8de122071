"""Keys as a type: 32 bytes without repr, str or pickle, and what is derived from them."""

import hmac
from dataclasses import dataclass
from typing import Never, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stack_local.domain.errors import Broken
from stack_local.system import System

KEY_BYTES = 32
"""Length of every symmetric key."""


class KeyMaterial:
    """One symmetric key. It opens only by `.reveal()`, as a `Secret` does.

    Python cannot wipe it: a key is gone from memory only when the process re-executes itself (`hardening.reexec`).
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        if len(value) != KEY_BYTES:
            raise Broken("a key has the wrong length")
        self._value = value

    @classmethod
    def generate(cls, system: System) -> Self:
        """A new random key."""
        return cls(system.random_bytes(KEY_BYTES))

    def reveal(self) -> bytes:
        """The key itself, for the one use it is for."""
        return self._value

    def derive(self, label: str, *, salt: bytes = b"") -> "KeyMaterial":
        """The subkey for one purpose (HKDF-SHA-256, RFC 5869): it tells nothing of this key or another label."""
        return KeyMaterial(stretch(self._value, label, salt=salt))

    def __repr__(self) -> str:
        return "KeyMaterial(…)"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return "KeyMaterial(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyMaterial) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        raise TypeError("a key is not a key of a mapping")

    def __reduce__(self) -> Never:
        raise TypeError("a key is not pickled")


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys of a vault, random and independent."""

    database_key: KeyMaterial
    """Opens the database file."""
    credential_key: KeyMaterial | None
    """Opens the sealed credentials; None while locked."""


def stretch(secret: bytes, label: str, *, salt: bytes) -> bytes:
    """HKDF-SHA-256 of a secret that is random already. Never for a passphrase: it costs a guesser nothing."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=f"stack-local/1/{label}".encode()).derive(secret)
