"""Which resource a URI names, and how secrets are made and kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack_local.oauth.ground import hash_value
from tests.oauth.grounds import BASE, made_ground

GROUND = made_ground()

OURS = {
    "the appliance": (BASE, BASE),
    "the appliance with a slash": (f"{BASE}/", BASE),
    "the MCP endpoint": (f"{BASE}/mcp", f"{BASE}/mcp"),
    "the MCP endpoint with a slash": (f"{BASE}/mcp/", f"{BASE}/mcp"),
    "the smaller endpoint": (f"{BASE}/mcp/core", f"{BASE}/mcp/core"),
    "the scheme in capitals": ("HTTP://127.0.0.1:7822/mcp", f"{BASE}/mcp"),
}

FOREIGN = {
    "nothing": "",
    "another host": "http://other.test:7822/mcp",
    "another name of this machine": "http://localhost:7822/mcp",
    "another port": "http://127.0.0.1:7823/mcp",
    "no port": "http://127.0.0.1/mcp",
    "https": "https://127.0.0.1:7822/mcp",
    "the path in capitals": f"{BASE}/MCP",
    "a longer path": f"{BASE}/mcp/other",
    "a longer word": f"{BASE}/mcpx",
    "dot segments": f"{BASE}/mcp/../mcp",
    "an escaped letter": f"{BASE}/%6dcp",
    "two slashes": f"{BASE}//mcp",
    "a query": f"{BASE}/mcp?x",
    "an empty query": f"{BASE}/mcp?",
    "a fragment": f"{BASE}/mcp#x",
    "an empty fragment": f"{BASE}/mcp#",
    "a user": "http://u@127.0.0.1:7822/mcp",
    "ours as a user": "http://127.0.0.1:7822@evil.test/mcp",
    "ours as a prefix": "http://127.0.0.1:7822.evil.test/mcp",
    "a leading blank": f" {BASE}/mcp",
    "a trailing blank": f"{BASE}/mcp ",
    "a line feed": f"{BASE}/mcp\n",
    "a tab inside": f"{BASE}/m\tcp",
    "relative": "/mcp",
    "no scheme": "//127.0.0.1:7822/mcp",
    "a URN": "urn:stack:mcp",
    "unreadable": "http://[::1",
    "a list": f"{BASE}/mcp {BASE}",
}


@pytest.mark.parametrize(("raw", "ours"), OURS.values(), ids=OURS)
def test_a_resource_of_ours_is_known_however_it_is_written(raw: str, ours: str) -> None:
    """O-21; RFC 3986, section 6.2."""
    assert GROUND.resource(raw) == ours


@pytest.mark.parametrize("raw", FOREIGN.values(), ids=FOREIGN)
def test_what_is_anothers_is_not_ours(raw: str) -> None:
    """RFC 8707, section 2."""
    assert GROUND.resource(raw) is None


@given(st.text(max_size=20))
def test_nothing_that_is_put_behind_a_resource_makes_it_ours(behind: str) -> None:
    found = GROUND.resource(f"{BASE}/mcp{behind}")
    assert found in (None, f"{BASE}/mcp", f"{BASE}/mcp/core")
    if found is not None:
        assert behind.strip("/") in ("", "core")


def test_a_new_value_has_256_bits_behind_its_prefix_and_never_comes_again() -> None:
    values = {GROUND.new_value("sk_refresh_") for _ in range(100)}
    assert len(values) == 100
    assert {len(value.removeprefix("sk_refresh_")) for value in values} == {43}


def test_a_secret_is_kept_as_a_hash_that_half_a_letter_does_not_break() -> None:
    assert len(hash_value("\ud800")) == 64
    assert hash_value("a") != hash_value("b")
