"""The templates that ship: each can be injected, and a file with too much or too little is refused."""

from typing import Any

import pytest

from plugins import BUILTIN
from plugins.credential_styles import read_template, register
from stack_local.domain.errors import Broken
from stack_local.domain.secrets import Secret
from stack_local.domain.services import Injection, InjectionStyle
from stack_local.plugin_api import Registrar, ServiceTemplate
from stack_local.proxy.inject import check, check_style, required_fields


def templates() -> dict[str, ServiceTemplate]:
    stack = Registrar()
    register(stack)
    return stack.templates


TEMPLATES = templates()
RAW: dict[str, Any] = {
    "provider": "demo",
    "name": "Demo",
    "description": "A demo.",
    "injection": {"style": "header", "name": "X-Key"},
    "fields": [{"name": "value", "label": "Key", "hint": "the key", "secret": True}],
}


def test_the_four_ways_ship() -> None:
    assert {name: template.injection for name, template in TEMPLATES.items()} == {
        "bearer": Injection(InjectionStyle.BEARER),
        "basic": Injection(InjectionStyle.BASIC),
        "header": Injection(InjectionStyle.HEADER, "X-Api-Key"),
        "query": Injection(InjectionStyle.QUERY, "api_key"),
    }


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_asks_for_exactly_what_its_injection_needs(name: str) -> None:
    template = TEMPLATES[name]
    check_style(template.injection)
    assert {field.name for field in template.fields} == set(required_fields(template.injection))
    check(template.injection, {field.name: Secret("a-value") for field in template.fields})
    assert any(field.secret for field in template.fields)
    assert all(field.label and field.hint for field in template.fields)


def test_a_file_becomes_a_template() -> None:
    template = read_template("demo.toml", RAW)
    assert (template.provider, template.injection) == ("demo", Injection(InjectionStyle.HEADER, "X-Key"))


@pytest.mark.parametrize("member", RAW)
def test_a_file_without_one_member_is_refused(member: str) -> None:
    with pytest.raises(Broken):
        read_template("demo.toml", {name: value for name, value in RAW.items() if name != member})


def test_a_file_with_a_member_too_many_is_refused() -> None:
    with pytest.raises(Broken):
        read_template("demo.toml", RAW | {"host": "evil.example"})


def test_every_builtin_is_declared_once_and_not_twice() -> None:
    stack = Registrar()
    for plugin in BUILTIN:
        plugin(stack)
    assert stack.templates == TEMPLATES
    for plugin in BUILTIN:
        with pytest.raises(Broken):
            plugin(stack)
