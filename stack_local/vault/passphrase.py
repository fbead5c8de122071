"""The passphrase: what is demanded of a new one, and the bytes that are derived from."""

import unicodedata

from stack_local.domain.errors import InvalidRequest, Unauthorized
from stack_local.domain.secrets import Secret

MIN_CHARACTERS = 12
"""Characters of a new passphrase, after normalization. There are no rules of composition."""
MAX_BYTES = 4096
"""Bytes of a passphrase, before and after normalization: more is a file by mistake."""


class WrongPassphrase(Unauthorized):
    """The passphrase, or the recovery code, does not open this vault."""

    default_code = "WRONG_PASSPHRASE"


def encode_new(passphrase: Secret) -> bytes:
    """The bytes of a passphrase about to be set. A newline from a file is stripped by the caller.

    Raises:
        InvalidRequest: it is too short, too long or not text; names the field `passphrase`.
    """
    encoded = _encode(passphrase)
    if encoded is None:
        raise InvalidRequest(f"the passphrase is text of at most {MAX_BYTES} bytes", field="passphrase")
    if len(encoded.decode()) < MIN_CHARACTERS:
        raise InvalidRequest(f"the passphrase needs at least {MIN_CHARACTERS} characters", field="passphrase")
    return encoded


def encode(passphrase: Secret) -> bytes:
    """The bytes of a passphrase that is tried.

    Raises:
        WrongPassphrase: no vault can have this one.
    """
    encoded = _encode(passphrase)
    if encoded is None:
        raise WrongPassphrase("the passphrase does not open this vault")
    return encoded


def _encode(passphrase: Secret) -> bytes | None:
    typed = passphrase.reveal()
    if len(typed) > MAX_BYTES:
        return None
    try:
        # NFC and not NFKC: keyboards differ in how they compose ü, but ² and 2 are different choices of the person.
        encoded = unicodedata.normalize("NFC", typed).encode()
    except UnicodeEncodeError:
        return None
    return encoded if len(encoded) <= MAX_BYTES else None
