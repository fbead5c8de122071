"""A credential's fields come out of their bytes as they went in."""

import pytest

from stack_local.domain.secrets import Secret
from stack_local.vault.credential_fields import Replaced, decode_fields, decode_replaced, encode_fields, encode_replaced

FIELDS = [{}, {"value": "tøken\n\"'"}, {"username": "me", "password": "p" * 1000}]


@pytest.mark.parametrize("fields", FIELDS)
def test_fields_come_back(fields: dict[str, str]) -> None:
    secrets = {name: Secret(value) for name, value in fields.items()}
    assert decode_fields(encode_fields(secrets)) == secrets


WHOLE = {
    "typed": Replaced({"value": Secret("a-token")}, "typed"),
    "one that renews itself": Replaced({"value": Secret("a-token")}, "refresh_token", Secret('{"kind": 1}'), 1_700_000),
    "one that was never had": Replaced({}, "client_credentials", Secret("{}"), 0),
}


@pytest.mark.parametrize("replaced", WHOLE.values(), ids=WHOLE)
def test_a_whole_credential_comes_back_and_shows_nothing(replaced: Replaced) -> None:
    assert decode_replaced(encode_replaced(replaced)) == replaced
    assert "a-token" not in repr(replaced)
