"""How a credential is sent, in the wire's words and in the rules'."""

import pytest

from stack_local.domain.services import Injection, InjectionStyle
from stack_local.wire.services import InjectionSpec

INJECTIONS = [
    Injection(InjectionStyle.BEARER),
    Injection(InjectionStyle.HEADER, "X-Key"),
    Injection(InjectionStyle.TEMPLATE, template="Token {value}"),
    Injection(InjectionStyle.HEADER, "DD-API-KEY", more=(("DD-APPLICATION-KEY", "{app}"),)),
    Injection(InjectionStyle.PATH, template="/bot{value}"),
    Injection(InjectionStyle.AWS_SIGV4, "s3"),
]


@pytest.mark.parametrize("injection", INJECTIONS, ids=lambda one: one.style)
def test_an_injection_says_the_same_in_the_wires_words(injection: Injection) -> None:
    spec = InjectionSpec.model_validate_json(InjectionSpec.of(injection).model_dump_json())
    assert Injection(spec.style, spec.name, spec.template, tuple(spec.more.items())) == injection
