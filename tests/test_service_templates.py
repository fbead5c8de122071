"""The schema of a service's file: what it refuses, and what the law reads of it."""

from typing import Any

import pytest

from stack_local.domain.actions import Effect
from stack_local.domain.errors import Broken
from stack_local.domain.services import Injection, InjectionStyle
from stack_local.service_templates import ServiceTemplate, filled, read_template

SERVICE: dict[str, Any] = {
    "provider": "demo",
    "name": "Demo",
    "description": "A demo.",
    "hosts": ["{{team}}.demo.example", "up.{{team}}.demo.example"],
    "base_url": "https://{{team}}.demo.example/v1",
    "placeholders": [{"name": "team", "label": "Team", "hint": "the name before .demo.example"}],
    "injection": {"style": "header", "name": "X-Key", "more": {"X-Second": "{value}"}},
    "fields": [{"name": "value", "label": "Key", "hint": "the key"}],
    "verify": {"path": "/v1/me"},
    "headers": ["x-version"],
    "default_headers": {"x-version": "3"},
    "actions": [
        {"name": "things:list", "method": "GET", "path": "/v1/things"},
        {"name": "things:search", "method": "POST", "path": "/v1/things/search", "effect": "read"},
        {"name": "things:create", "method": "POST", "path": "/v1/things", "summary": "Create {body.name}"},
        {"name": "files:put", "method": "PUT", "path": "/{a...}", "host": "up.{{team}}.demo.example", "summary": "Put"},
    ],
}  # fmt: skip

OAUTH = {"token_url": "https://demo.example/token", "register_url": "https://demo.example/apps"}


def action(**changes: Any) -> dict[str, Any]:
    """One more action, alone."""
    return {"actions": [{"name": "a:b", "method": "POST", "path": "/x/{id}", "summary": "Do {path.id}"} | changes]}


PASSING: list[tuple[str, dict[str, Any]]] = [
    ("a segment named", action(path="/x/{id}/y/{rest...}")),
    ("a query shown", action(summary="Do {query.name}")),
    ("a header shown", action(summary="Do {headers.x-amz-target}")),
    ("an amount", action(summary="Pay {body.amount|money:body.currency}")),
    ("an optional part", action(summary="Do[ {path.id}][ in {body.a}, {body.b}]")),
    ("a read without a sentence", action(effect="read", summary=None)),
    ("a GET that writes", action(method="GET", effect="write") | {"methods_decide": False}),
    ("an authorization code", {"oauth": OAUTH | {"authorization_url": "https://demo.example/authorize"}}),
    ("client credentials", {"oauth": OAUTH | {"grants": ["client_credentials"]}}),
    ("a device", {"oauth": OAUTH | {"grants": ["device_code"], "device_authorization_url": "https://demo.example/d"}}),
]

REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("a segment in capitals", action(path="/x/{Id}")),
    ("a segment of nothing", action(path="/x/{}", summary="Do it")),
    ("a segment twice", action(path="/x/{id}/{id}")),
    ("what remains, in the middle", action(path="/x/{id...}/y")),
    ("a bracket not closed", action(summary="Do[ {path.id}")),
    ("a bracket in a bracket", action(summary="Do[ {path.id}[ x]]")),
    ("a brace not closed", action(summary="Do {path.id")),
    ("a brace of nothing", action(summary="Do {}")),
    ("an optional part of nothing", action(summary="Do {path.id}[ at once]")),
    ("another form of amount", action(summary="Pay {body.amount|euro:body.currency}")),
    ("a GET that writes, where methods decide", action(method="GET", effect="write")),
    ("a write without a sentence", action(summary=None)),
    ("an action on another host", action(host="evil.example")),
    ("an action on a host of another team", action(host="other.demo.example")),
    ("an unknown placeholder", {"hosts": ["{{tenant}}.demo.example"]}),
    ("a second credential header as an agent's", {"headers": ["x-version", "x-second"]}),
    ("a cookie as an agent's", {"headers": ["x-version", "cookie"]}),
    ("no endpoint for a code", {"oauth": OAUTH}),
    ("no endpoint for a device", {"oauth": OAUTH | {"grants": ["device_code"]}}),
    ("an endpoint in the open", {"oauth": OAUTH | {"grants": ["client_credentials"], "token_url": "http://demo.example"}}),
    ("a slug in capitals", {"provider": "Demo"}),
    ("an action name of one part", action(name="things")),
]  # fmt: skip


@pytest.mark.parametrize("change", [row[1] for row in PASSING], ids=[row[0] for row in PASSING])
def test_a_file_that_keeps_the_schema_is_a_template(change: dict[str, Any]) -> None:
    assert read_template("demo.toml", SERVICE | change).is_service


@pytest.mark.parametrize("change", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_file_that_breaks_the_schema_is_refused_without_its_words(change: dict[str, Any]) -> None:
    read_template("demo.toml", SERVICE)
    with pytest.raises(Broken) as refused:
        read_template("demo.toml", SERVICE | change)
    assert "evil.example" not in refused.value.message


def test_the_law_reads_the_persons_own_parts_where_they_are_known() -> None:
    template = read_template("demo.toml", SERVICE)
    put = {action.name: action.host for action in template.rules({"team": "acme"}).actions}["files:put"]
    assert put == "up.acme.demo.example"
    assert template.rules().actions[3].host == "up.{{team}}.demo.example"
    assert template.rules().version == template.hash


def test_the_law_reads_what_an_action_does() -> None:
    rules = read_template("demo.toml", SERVICE).rules()
    assert [one.effect for one in rules.actions] == [Effect.READ, Effect.READ, Effect.WRITE, Effect.WRITE]
    assert (rules.headers, rules.default_headers) == (frozenset({"x-version"}), (("x-version", "3"),))


def test_the_credential_goes_where_the_file_says() -> None:
    injection = read_template("demo.toml", SERVICE).injected()
    assert injection == Injection(InjectionStyle.HEADER, "X-Key", None, (("X-Second", "{value}"),))
    assert injection.headers == {"x-key", "x-second"}


def test_a_template_is_named_by_what_it_says_and_not_by_how() -> None:
    template = read_template("demo.toml", SERVICE)
    turned = read_template("demo.toml", dict(reversed(SERVICE.items())) | {"methods_decide": True})
    other = read_template("demo.toml", SERVICE | {"description": "Another demo."})
    assert turned.hash == template.hash != other.hash
    assert ServiceTemplate.model_validate_json(template.document) == template


FILLED: list[tuple[str, dict[str, str], str]] = [
    ("{{team}}.demo.example", {"team": "acme"}, "acme.demo.example"),
    ("{{team}}.{{team}}", {"team": "a"}, "a.a"),
    ("{{team}}.demo.example", {}, "{{team}}.demo.example"),
    ("{{team}}.demo.example", {"team": "{{other}}", "other": "x"}, "{{other}}.demo.example"),
    ("{team}.demo.example", {"team": "acme"}, "{team}.demo.example"),
]


@pytest.mark.parametrize(("text", "placeholders", "said"), FILLED)
def test_a_part_of_a_persons_own_is_filled_in_once(text: str, placeholders: dict[str, str], said: str) -> None:
    assert filled(text, placeholders) == said
