"""What is to be connected: a template and the person's own parts, the same after it was sealed."""

from typing import Any

import pytest
from pydantic import SecretStr

from stack_local.domain.errors import InvalidRequest
from stack_local.domain.services import InjectionStyle
from stack_local.operations.drafts import (
    Draft,
    decode_draft,
    encode_draft,
    injection_of,
    is_exchange,
    token_field,
    typed_fields,
)
from stack_local.service_templates import ServiceTemplate, read_template
from stack_local.store.services import TYPED
from tests.simulators.shop import shop, tenant
from tests.simulators.upstream import Upstream

UPSTREAM = Upstream(token="upstream-secret-9f8e7d6c5b4a", port=8080)
SHOP, TENANT = read_template("shop", shop(UPSTREAM)), read_template("tenant", tenant())


def injected(**injection: Any) -> ServiceTemplate:
    return read_template("shop", shop(UPSTREAM, injection=injection))


def test_a_draft_is_the_same_after_it_was_sealed() -> None:
    draft = Draft(
        TENANT,
        "Acme",
        {"subdomain": "acme"},
        ("read",),
        ("a", "b"),
        account="me",
        asks_everything=True,
        connection_id="scon_1",
        proposal_id="apr_1",
    )
    assert decode_draft(encode_draft(draft), TENANT) == draft


def test_hosts_have_the_persons_own_parts_and_their_ports() -> None:
    draft = Draft(TENANT, "Acme", {"subdomain": "acme"})
    assert (draft.hosts, draft.own_hosts) == (("acme.demotenant.com:443",), ())


OWN = {
    "a name": ("git.acme.example", "git.acme.example:443"),
    "a port": ("git.acme.example:8443", "git.acme.example:8443"),
    "an address": ("10.0.0.5:8443", "10.0.0.5:8443"),
}


@pytest.mark.parametrize(("typed", "host"), OWN.values(), ids=OWN)
def test_a_host_that_is_the_persons_own_as_a_whole_may_be_private(typed: str, host: str) -> None:
    whole = {
        **tenant(),
        "hosts": ["{{host}}", "files.demotenant.com"],
        "base_url": "https://{{host}}",
        "placeholders": [{"name": "host", "label": "Host", "hint": "of your own", "format": "[a-z0-9.:-]+"}],
    }
    draft = Draft(read_template("own", whole), "Own", {"host": typed})
    assert draft.own_hosts == (host,)
    assert set(draft.hosts) == {host, "files.demotenant.com:443"}


INJECTIONS: dict[str, tuple[ServiceTemplate, str, InjectionStyle, str]] = {
    "a typed token": (SHOP, TYPED, InjectionStyle.BEARER, "value"),
    "an earned token": (SHOP, "refresh_token", InjectionStyle.BEARER, "value"),
    "an earned token in a header of the service": (
        injected(style="header", name="X-Token"),
        "refresh_token",
        InjectionStyle.HEADER,
        "value",
    ),
    "an earned token in a form of the service": (
        injected(style="template", name="Authorization", template="Token {key}"),
        "oauth",
        InjectionStyle.TEMPLATE,
        "key",
    ),
    "an earned token where people type a user and a password": (
        TENANT,
        "refresh_token",
        InjectionStyle.BEARER,
        "value",
    ),
    "a typed user and password": (TENANT, TYPED, InjectionStyle.BASIC, "value"),
    "an earned token where people type a key into the query": (
        injected(style="query", name="key"),
        "client_credentials",
        InjectionStyle.BEARER,
        "value",
    ),
}


@pytest.mark.parametrize(("template", "source", "style", "field"), INJECTIONS.values(), ids=INJECTIONS)
def test_a_credential_goes_where_its_kind_goes(
    template: ServiceTemplate, source: str, style: InjectionStyle, field: str
) -> None:
    injection = injection_of(template, source)
    assert (injection.style, token_field(injection)) == (style, field)


KEY = {"app_id": "1", "installation_id": "2", "private_key": "3"}
TYPED_IN: dict[str, tuple[ServiceTemplate, Any, set[str] | None]] = {
    "one text for one field": (SHOP, "a-token", {"value"}),
    "one field by its name": (SHOP, {"value": "a-token"}, {"value"}),
    "the fields of a key": (SHOP, KEY, set(KEY)),
    "some fields of a key": (SHOP, {"app_id": "1"}, None),
    "a key and a token": (SHOP, KEY | {"value": "a-token"}, None),
    "two fields": (TENANT, {"username": "me", "password": "tnt_12345678"}, {"username", "password"}),
    "one text for two fields": (TENANT, "tnt_12345678", None),
    "nothing": (SHOP, {}, None),
}


@pytest.mark.parametrize(("template", "credential", "names"), TYPED_IN.values(), ids=TYPED_IN)
def test_what_is_typed_is_read_by_the_fields_of_the_template(
    template: ServiceTemplate, credential: Any, names: set[str] | None
) -> None:
    if isinstance(credential, dict):
        credential = {name: SecretStr(value) for name, value in credential.items()}
    else:
        credential = SecretStr(credential)
    if names is None:
        with pytest.raises(InvalidRequest):
            typed_fields(template, credential)
        return
    fields = typed_fields(template, credential)
    assert fields.keys() == names
    assert is_exchange(template, fields) == (names == set(KEY))
