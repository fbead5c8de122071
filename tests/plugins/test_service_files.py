"""The templates that ship: each can be injected, and a file with too much or too little is refused."""

import re
from typing import Any

import pytest

from plugins import BUILTIN
from plugins.service_files import register
from stack_local.domain.errors import Broken
from stack_local.domain.services import Injection, InjectionStyle
from stack_local.plugin_api import Registrar, ServiceTemplate, read_template
from stack_local.proxy.inject import check_style, required_fields


def templates() -> dict[str, ServiceTemplate]:
    stack = Registrar()
    register(stack)
    return stack.templates


TEMPLATES = templates()
SERVICES = {name: template for name, template in TEMPLATES.items() if template.is_service}
RAW: dict[str, Any] = {
    "provider": "demo",
    "name": "Demo",
    "description": "A demo.",
    "injection": {"style": "header", "name": "X-Key"},
    "fields": [{"name": "value", "label": "Key", "hint": "the key"}],
}
SERVICE: dict[str, Any] = RAW | {
    "hosts": ["api.demo.example"],
    "base_url": "https://api.demo.example/v1",
    "verify": {"path": "/v1/me"},
}


def test_the_four_ways_ship() -> None:
    assert {name: one.injected() for name, one in TEMPLATES.items() if not one.is_service} == {
        "bearer": Injection(InjectionStyle.BEARER),
        "basic": Injection(InjectionStyle.BASIC),
        "header": Injection(InjectionStyle.HEADER, "X-Api-Key"),
        "query": Injection(InjectionStyle.QUERY, "api_key"),
    }


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_asks_for_exactly_what_its_injection_needs(name: str) -> None:
    template = TEMPLATES[name]
    check_style(template.injected())
    assert {field.name for field in template.fields} >= set(required_fields(template.injected()))
    assert any(field.secret for field in template.fields)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_copy_of_a_template_reads_back_as_the_same(name: str) -> None:
    template = TEMPLATES[name]
    again = ServiceTemplate.model_validate_json(template.document)
    assert (again, again.hash) == (template, template.hash)


@pytest.mark.parametrize("name", SERVICES)
def test_the_formats_of_a_service_are_expressions_that_compile(name: str) -> None:
    for field in SERVICES[name].fields:
        assert field.format is None or re.compile(field.format)


def test_a_file_becomes_a_template() -> None:
    template = read_template("demo.toml", RAW)
    assert (template.provider, template.injected()) == ("demo", Injection(InjectionStyle.HEADER, "X-Key"))
    assert read_template("demo.toml", SERVICE).is_service


@pytest.mark.parametrize("member", RAW)
def test_a_file_without_one_member_is_refused(member: str) -> None:
    with pytest.raises(Broken):
        read_template("demo.toml", {name: value for name, value in RAW.items() if name != member})


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("a member too many", {"host": "evil.example"}),
    ("no verify request", {"verify": None}),
    ("no base url", {"base_url": None}),
    ("a base url elsewhere", {"base_url": "https://evil.example"}),
    ("an unknown placeholder", {"hosts": ["{{tenant}}.demo.example", "api.demo.example"]}),
    ("a host with a path", {"hosts": ["api.demo.example/x"]}),
    ("an authentication header", {"headers": ["x-key"]}),
    ("a default header nobody may set", {"default_headers": {"x-other": "1"}}),
    ("a write without a summary", {"actions": [{"name": "a:b", "method": "POST", "path": "/x"}]}),
    (
        "a segment that is not there",
        {"actions": [{"name": "a:b", "method": "POST", "path": "/x", "summary": "do {path.y}"}]},
    ),
    ("a field that is none", {"actions": [{"name": "a:b", "method": "POST", "path": "/x", "summary": "do {boddy.y}"}]}),
    ("an action elsewhere", {"actions": [{"name": "a:b", "method": "GET", "path": "/x", "host": "evil.example"}]}),
    ("two actions of one name", {"actions": [{"name": "a:b", "method": "GET", "path": p} for p in ("/x", "/y")]}),
]


@pytest.mark.parametrize("change", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_file_that_breaks_the_schema_is_refused(change: dict[str, Any]) -> None:
    read_template("demo.toml", SERVICE)
    with pytest.raises(Broken):
        read_template("demo.toml", SERVICE | change)


def test_every_builtin_is_declared_once_and_not_twice() -> None:
    stack = Registrar()
    for plugin in BUILTIN:
        plugin(stack)
    assert stack.templates == TEMPLATES
    for plugin in BUILTIN:
        with pytest.raises(Broken):
            plugin(stack)
