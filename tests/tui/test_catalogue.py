"""Tests of what is made of a service's template: the link, the request, the review."""

from dataclasses import replace
from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.oauth.upstream import CALLBACK_PATH
from stack_local.wire.services import CredentialTemplate
from tests.tui.offers import TOKEN, field, jira, scope, template, with_login
from tests.tui.world import agent
from tui.catalogue import (
    KEY,
    REDIRECT_PATH,
    WAYS,
    KnownForm,
    choice_row,
    fields_of,
    matches,
    request_of,
    review,
    shown_host,
    token_link,
    ways_of,
)


def form(known: CredentialTemplate | None = None, **changes: Any) -> KnownForm:
    filled = KnownForm(
        template=known or template(),
        way="token",
        placeholders={},
        service_scopes=["repo"],
        name="site",
        account="octocat",
        scopes=["read"],
        asks_everything=True,
        client_id=None,
        agent=None,
        proposal_id=None,
        typed={"value": TOKEN},
        client_secret=None,
    )
    return replace(filled, **changes)


def test_the_form_is_the_request() -> None:
    sent = request_of(form())
    assert isinstance(sent.credential, dict)
    assert {name: value.get_secret_value() for name, value in sent.credential.items()} == {"value": TOKEN}
    assert (sent.service_id, sent.scopes, sent.name, sent.account, sent.asks_everything, sent.flow) == (
        "github", ["read", "repo"], "site", "octocat", True, None
    )  # fmt: skip
    assert not sent.confirm_format


def test_a_log_in_carries_the_application_and_no_credential() -> None:
    sent = request_of(form(with_login(), way="device_code", typed={}, client_id="Iv1", client_secret="of the app"))
    assert (sent.flow, sent.client_id, sent.credential) == ("device_code", "Iv1", None)
    assert sent.client_secret is not None


def test_a_permission_that_no_scope_can_be_stands_in_the_link_alone() -> None:
    """Cloudflare names permissions by JSON."""
    name = '{"key":"zone","type":"read"}'
    assert request_of(form(service_scopes=[name])).scopes == ["read"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"typed": {"value": ""}}, "credential.value"),
        ({"scopes": []}, "scopes"),
        ({"name": "a/b"}, "name"),
        ({"known": jira(), "typed": {"password": TOKEN}}, "placeholders.site"),
        (
            {
                "known": template(key_fields=[field("app_id"), field("private_key")]),
                "way": KEY,
                "typed": {"app_id": "1"},
            },
            "credential.private_key",
        ),
    ],
    ids=["no secret", "neither read nor write", "a name with a slash", "a part of the host", "half a key"],
)
def test_what_is_missing_is_named(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        request_of(form(**changes))
    assert refused.value.details["field"] == place


@pytest.mark.parametrize(
    ("scopes", "ends"),
    [
        (["repo"], "?scopes=repo"),
        (["read:user", "repo"], "?scopes=read%3Auser%2Crepo"),
        ([], "?scopes="),
        (["a&b=c#d"], "?scopes=a%26b%3Dc%23d"),
        (['{"key":"zone"}'], "?scopes=%7B%22key%22%3A%22zone%22%7D"),
    ],
    ids=["one", "two", "none", "what would end the parameter", "json"],
)
def test_the_link_holds_the_ticked_scopes_percent_encoded(scopes: list[str], ends: str) -> None:
    assert token_link(template(), scopes) == "https://github.com/settings/tokens/new" + ends


def test_a_service_without_a_link_has_none() -> None:
    assert token_link(jira(), []) is None


def test_the_redirect_address_is_the_appliances_own() -> None:
    assert REDIRECT_PATH == CALLBACK_PATH


def test_every_flow_of_the_wire_has_words() -> None:
    from typing import get_args

    from stack_local.wire.connecting import Flow

    assert set(get_args(Flow)) <= set(WAYS)


def test_by_hand_comes_first() -> None:
    known = with_login(key_fields=[field("private_key")])
    assert ways_of(known) == ["token", "authorization_code", "device_code", "key"]
    assert [[one.name for one in fields_of(known, way)] for way in ("token", "key", "device_code")] == [
        ["value"], ["private_key"], []
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("", True), ("GIT", True), ("uploads.", True), (" github ", True), ("jira", False)],
    ids=["nothing", "a piece of the name", "a piece of a host", "with blanks", "another"],
)
def test_the_filter_finds_by_name_and_host(typed: str, *, expected: bool) -> None:
    assert matches(template(), typed) is expected


def test_a_row_says_the_hosts_first_and_the_verdict_in_words() -> None:
    row = choice_row(jira(), 70).plain
    assert row.startswith("{site}.atlassian.net ")
    assert row.endswith("unverified")


def test_a_part_that_is_typed_stands_in_the_host() -> None:
    assert shown_host("{{site}}.atlassian.net", {"site": "acme"}) == "acme.atlassian.net"


def test_the_review_says_hosts_and_grant_and_no_secret() -> None:
    words = review(form(agent=agent(1))).plain
    assert words.startswith("To api.github.com, uploads.github.com and to no other host")
    assert "Access token (15 characters)" in words
    assert "release-bot may use it at once: read." in words
    assert TOKEN not in words


def test_a_scope_keeps_its_words() -> None:
    from tui.catalogue import scope_words

    assert scope_words(scope("repo", "write", needed_for="write")).plain == "write: write  repo"
