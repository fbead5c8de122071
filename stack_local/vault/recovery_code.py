"""The recovery code: 160 random bits as a person can write them down, with a checksum against slips of the pen."""

import hashlib
import hmac

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.secrets import Secret
from stack_local.system import System
from stack_local.vault.keys import KeyMaterial, stretch

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O or U."""
CODE_BYTES = 20
"""Random bytes in a code."""
GROUP = 4
"""Characters between two dashes; the last group is the checksum (20 bits)."""

_DATA_CHARACTERS = CODE_BYTES * 8 // 5
_MAX_TYPED_CHARACTERS = 256
_FORGIVEN = str.maketrans("OIL", "011", "- \t\r\n_")


def generate(system: System) -> Secret:
    """A new code, as it is shown once."""
    characters = _with_checksum(_encode(system.random_bytes(CODE_BYTES)))
    return Secret("-".join(characters[start : start + GROUP] for start in range(0, len(characters), GROUP)))


def derive(code: Secret, *, vault_id: str) -> KeyMaterial:
    """The key that this code stands for.

    HKDF and not Argon2id: nobody guesses 160 random bits, so slowness would protect nothing, and recovery must
    work on a machine that has not the memory.

    Raises:
        InvalidRequest: it is not a code, or was mistyped; names the field `recovery_code`.
    """
    return KeyMaterial(stretch(_parse(code), "recovery-slot", salt=bytes.fromhex(vault_id)))


def _parse(code: Secret) -> bytes:
    typed = code.reveal()
    if len(typed) > _MAX_TYPED_CHARACTERS or not typed.isascii():
        raise _mistyped()
    characters = typed.upper().translate(_FORGIVEN)
    data = characters[:_DATA_CHARACTERS]
    if len(data) != _DATA_CHARACTERS or not set(data) <= set(ALPHABET):
        raise _mistyped()
    if not hmac.compare_digest(_with_checksum(data), characters):
        raise _mistyped()
    return _decode(data)


def _with_checksum(data: str) -> str:
    digest = hashlib.sha256(b"stack-local/1/recovery-checksum" + data.encode()).digest()
    return data + _encode(digest[:5])[:GROUP]


def _encode(value: bytes) -> str:
    number = int.from_bytes(value)
    count = len(value) * 8 // 5
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(count)))


def _decode(characters: str) -> bytes:
    number = 0
    for character in characters:
        number = number << 5 | ALPHABET.index(character)
    return number.to_bytes(CODE_BYTES)


def _mistyped() -> InvalidRequest:
    return InvalidRequest(
        "the recovery code is mistyped", field="recovery_code", hint="it has nine groups of four letters and digits"
    )
