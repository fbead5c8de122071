"""A credential's fields as the bytes that are sealed, and a whole credential that was replaced."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from stack_local.domain.secrets import Secret


def encode_fields(fields: Mapping[str, Secret]) -> bytes:
    """A credential's fields for sealing."""
    return json.dumps({name: secret.reveal() for name, secret in fields.items()}).encode()


def decode_fields(plain: bytes) -> dict[str, Secret]:
    """The fields that `encode_fields` gave."""
    return {name: Secret(value) for name, value in json.loads(plain).items()}


@dataclass(frozen=True, slots=True)
class Replaced:
    """A credential that another took the place of, with all it takes to swap them back."""

    fields: Mapping[str, Secret]
    source: str
    renewal: Secret | None = None
    """What renewed it, as text."""
    expires_at_milliseconds: int | None = None


def encode_replaced(replaced: Replaced) -> bytes:
    """It as bytes for sealing."""
    renewal = replaced.renewal
    plain = {
        "fields": {name: secret.reveal() for name, secret in replaced.fields.items()},
        "source": replaced.source,
        "renewal": None if renewal is None else renewal.reveal(),
        "expires_at": replaced.expires_at_milliseconds,
    }
    return json.dumps(plain).encode()


def decode_replaced(plain: bytes) -> Replaced:
    """The credential that `encode_replaced` gave."""
    read = json.loads(plain)
    fields = {name: Secret(value) for name, value in read["fields"].items()}
    renewal = None if read["renewal"] is None else Secret(read["renewal"])
    return Replaced(fields, read["source"], renewal, read["expires_at"])
