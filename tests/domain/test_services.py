"""A connection: the hosts it is bound to, what reads, and where its credential goes."""

from dataclasses import replace

import pytest

from stack_local.domain.services import Injection, InjectionStyle
from stack_local.domain.urls import HostPort, parse_url
from tests.domain.samples import CALL, CONNECTION

HOSTS = (HostPort("api.example.com", 443), HostPort("127.0.0.1", 8080))

URLS: list[tuple[str, bool]] = [
    ("https://api.example.com/any?x", True),
    ("https://API.example.com:443/", True),
    ("http://127.0.0.1:8080/", True),
    ("https://api.example.com:8443/", False),
    ("http://api.example.com/", False),
    ("https://example.com/", False),
    ("https://x.api.example.com/", False),
    ("https://api.example.com.evil.example/", False),
    ("http://127.0.0.1/", False),
    ("http://127.0.0.2:8080/", False),
    ("http://localhost:8080/", False),
]


@pytest.mark.parametrize(("url", "is_allowed"), URLS)
def test_only_exactly_the_bound_hosts_are_allowed(url: str, is_allowed: bool) -> None:
    assert replace(CONNECTION, hosts=HOSTS).allows_host(parse_url(url)) is is_allowed


def test_a_connection_without_hosts_allows_none() -> None:
    assert not replace(CONNECTION, hosts=()).allows_host(parse_url("https://api.example.com/"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "get"])
def test_get_and_head_read_unless_everything_asks(method: str) -> None:
    is_reading, call = method in ("GET", "HEAD"), replace(CALL, method=method)
    assert CONNECTION.reads(call) is is_reading
    assert not replace(CONNECTION, asks_everything=True).reads(call)
    assert CONNECTION.needed_scope(call) == ("read" if is_reading else "write")
    assert replace(CONNECTION, asks_everything=True).needed_scope(call) == ("read" if is_reading else "write")


STYLES: list[tuple[Injection, str | None, str | None]] = [
    (Injection(InjectionStyle.BEARER), "Authorization", None),
    (Injection(InjectionStyle.BASIC), "Authorization", None),
    (Injection(InjectionStyle.HEADER, "X-Key"), "X-Key", None),
    (Injection(InjectionStyle.TEMPLATE, template="Token {value}"), "Authorization", None),
    (Injection(InjectionStyle.TEMPLATE, "X-Key", "{value}"), "X-Key", None),
    (Injection(InjectionStyle.QUERY, "api_key"), None, "api_key"),
]


@pytest.mark.parametrize(("injection", "header", "query"), STYLES, ids=lambda value: getattr(value, "style", value))
def test_the_appliance_alone_sets_one_place(injection: Injection, header: str | None, query: str | None) -> None:
    assert (injection.header, injection.query) == (header, query)
