"""What may be said of a service to connect: no word that a terminal, a header or an address could misread."""

from typing import Any

import pytest
from pydantic import ValidationError

from stack_local.wire.connecting import ConnectService

BAD: dict[str, dict[str, Any]] = {
    "a scope with a blank": {"scopes": ["a b"]},
    "a scope with a quote": {"scopes": ['a"b']},
    "a scope with a line break": {"scopes": ["a\r\nb"]},
    "an empty scope": {"scopes": [""]},
    "a scope without end": {"scopes": ["a" * 201]},
    "scopes without end": {"scopes": [f"s{number}" for number in range(41)]},
    "a name with markup": {"name": "[b]x[/b]"},
    "a name with an escape": {"name": "x\x1b[31m"},
    "a name without end": {"name": "x" * 64},
    "a service in capitals": {"service_id": "GitHub"},
    "a service with a line break behind it": {"service_id": "github\n"},
    "a service that is a path": {"service_id": "../github"},
    "a client id with a blank": {"client_id": "a b"},
    "a way to log in that is none": {"flow": "password"},
    "a part without end": {"placeholders": {"subdomain": "a" * 254}},
    "an unknown field": {"password": "x"},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD)
def test_what_could_be_misread_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        ConnectService.model_validate({"service_id": "github"} | fields)
    assert refused.value.error_count() == 1


def test_what_services_have_is_taken() -> None:
    scopes = ["https://www.googleapis.com/auth/drive", "chat:write", "repo", "Sites.ReadWrite.All", "crm.objects!"]
    taken = ConnectService(service_id="google_drive", scopes=scopes, name="Drive of the team 2", client_id="a.b-c")
    assert taken.scopes == scopes


def test_no_secret_shows_when_it_is_printed() -> None:
    asked = ConnectService(service_id="github", oauth_token="secret-1", credential={"value": "secret-2"})
    assert "secret-" not in repr(asked)
