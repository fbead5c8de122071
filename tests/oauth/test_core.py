"""What holds for the parameters of every endpoint, and what a client may do."""

import pytest
from authlib.oauth2 import OAuth2Error
from hypothesis import given
from hypothesis import strategies as st

from stack_local.domain.clients import Client
from stack_local.oauth.core import (
    FIRST_PARTY,
    MAX_PARAMETER_BYTES,
    CoreClient,
    CoreRequest,
    check_form,
    check_resource,
)
from stack_local.oauth.ground import Pairs
from stack_local.oauth.metadata import DEVICE_GRANT, EXCHANGE_GRANT
from tests.oauth.grounds import BASE, made_ground

CLIENT = CoreClient(Client("cli_1", "a client", ("http://127.0.0.1/cb",)))
OWN_COMMAND = CoreClient(FIRST_PARTY)

FORMS: dict[str, tuple[Pairs, str | None]] = {
    "nothing": ([], None),
    "one of each": ([("a", "1"), ("b", "2")], None),
    "an empty value": ([("a", "")], None),
    "every letter there is a place for": (
        [("a", "".join(map(chr, range(32, 127))).replace('"', "").replace("\\", ""))],
        None,
    ),
    "as long as it may be": ([("a", "x" * MAX_PARAMETER_BYTES)], None),
    "the state holds any letter here": ([("state", 'a"\n\u202e')], None),
    "too long": ([("a", "x" * (MAX_PARAMETER_BYTES + 1))], "invalid_request"),
    "too long by its bytes": ([("state", "ä" * (MAX_PARAMETER_BYTES // 2 + 1))], "invalid_request"),
    "one twice": ([("a", "1"), ("a", "1")], "invalid_request"),
    "one twice, once empty": ([("a", "1"), ("a", "")], "invalid_request"),
    "two states": ([("state", "1"), ("state", "1")], "invalid_request"),
    "two resources": ([("resource", BASE), ("resource", BASE)], "invalid_target"),
    "a quote": ([("a", '"')], "invalid_request"),
    "a backslash": ([("a", "\\")], "invalid_request"),
    "a line feed": ([("a", "x\n")], "invalid_request"),
    "a line feed alone": ([("a", "\n")], "invalid_request"),
    "a carriage return": ([("a", "\rx")], "invalid_request"),
    "NUL": ([("a", "\0")], "invalid_request"),
    "DEL": ([("a", "\x7f")], "invalid_request"),
    "beyond ASCII": ([("a", "ä")], "invalid_request"),
    "half a letter": ([("a", "\ud800")], "invalid_request"),
}


@pytest.mark.parametrize(("pairs", "error"), FORMS.values(), ids=FORMS)
def test_a_form_keeps_the_rules_of_every_endpoint(pairs: Pairs, error: str | None) -> None:
    """RFC 6749, sections 3.1, 3.2 and 4.1.2.1."""
    if error is None:
        check_form(pairs)
        return
    with pytest.raises(OAuth2Error) as raised:
        check_form(pairs)
    assert raised.value.error == error


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=5)), max_size=4))
def test_what_passes_can_be_quoted_in_an_error(pairs: Pairs) -> None:
    """RFC 6749, section 5.2: the characters of a description."""
    try:
        check_form(pairs)
    except OAuth2Error:
        return
    assert all(" " <= letter <= "~" and letter not in '"\\' for _, value in pairs for letter in value)


def test_a_parameter_without_a_value_is_left_out() -> None:
    """RFC 6749, section 3.1."""
    asked = CoreRequest("GET", [("scope", ""), ("state", "s")])
    assert (asked.payload.scope, asked.payload.state, asked.args) == (None, "s", {"state": "s"})


def test_without_a_resource_the_mcp_endpoint_is_meant_and_anothers_is_refused() -> None:
    ground = made_ground()
    assert check_resource(ground, None) == f"{BASE}/mcp"
    assert check_resource(ground, f"{BASE}/mcp/core/") == f"{BASE}/mcp/core"
    with pytest.raises(OAuth2Error) as raised:
        check_resource(ground, "https://other.test")
    assert raised.value.error == "invalid_target"


GRANTS = [
    ("authorization_code", True, True),
    ("refresh_token", True, True),
    (DEVICE_GRANT, False, True),
    (EXCHANGE_GRANT, False, False),
    ("password", False, False),
    ("client_credentials", False, False),
    ("implicit", False, False),
    ("", False, False),
]


@pytest.mark.parametrize(("grant", "by_client", "by_own_command"), GRANTS, ids=[grant for grant, *_ in GRANTS])
def test_a_client_has_the_grants_we_serve_and_our_command_one_more(
    grant: str, by_client: bool, by_own_command: bool
) -> None:
    assert (CLIENT.check_grant_type(grant), OWN_COMMAND.check_grant_type(grant)) == (by_client, by_own_command)


@pytest.mark.parametrize("response", ["token", "id_token", "code token", "none", "", "CODE"])
def test_a_client_gets_a_code_and_nothing_else(response: str) -> None:
    assert CLIENT.check_response_type("code")
    assert not CLIENT.check_response_type(response)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt", ""])
def test_no_client_has_a_secret(method: str) -> None:
    """RFC 8252, section 8.5."""
    assert CLIENT.check_endpoint_auth_method("none", "token")
    assert not CLIENT.check_endpoint_auth_method(method, "token")
    assert not CLIENT.check_client_secret("")


def test_our_own_command_has_no_redirect() -> None:
    assert OWN_COMMAND.get_default_redirect_uri() is None
    assert not OWN_COMMAND.check_redirect_uri("http://127.0.0.1/cb")
    assert CLIENT.get_default_redirect_uri() == "http://127.0.0.1/cb"


def test_a_redirect_is_left_out_only_where_there_is_one() -> None:
    two = CoreClient(Client("cli_2", "two", ("http://127.0.0.1/a", "http://127.0.0.1/b")))
    assert two.get_default_redirect_uri() is None
    assert CLIENT.get_allowed_scope("proxy:delete") is None
    assert CLIENT.get_allowed_scope("proxy:write") == "proxy:write"
