"""URL elicitation: a client shows the page of a decision; what it answers decides nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mcp_types import ElicitRequestURLParams, ElicitResult

from stack_local.wire.intents import ApproveIntent, ListIntents, RejectIntent
from tests.conftest import Running, begin, served
from tests.simulators.upstream import Upstream
from tests.surfaces.mcp_clients import agent_key, client_of

Decide = Callable[[Running], Awaitable[None]]


async def approve(running: Running) -> None:
    waiting = (await running.person.call(ListIntents())).items[0]
    await running.person.call(ApproveIntent(approval_id=waiting.id, digest=waiting.call.digest))


async def reject(running: Running) -> None:
    waiting = (await running.person.call(ListIntents())).items[0]
    await running.person.call(RejectIntent(approval_id=waiting.id))


async def nothing(running: Running) -> None:
    """The person looks away."""


def asked_by(running: Running, decide: Decide, action: str, seen: list[str]) -> Any:
    """What a client does with a question: it opens the page, and answers."""

    async def answer(context: Any, params: ElicitRequestURLParams) -> ElicitResult:
        seen.append(params.url)
        async with running.http() as browser:
            page = await browser.get(params.url)
        assert (page.status_code, page.headers["content-security-policy"][:18]) == (200, "default-src 'none'")
        await decide(running)
        return ElicitResult(action=action)

    return answer


@pytest.fixture
async def running(tmp_path: Any) -> Any:
    """An appliance whose tool calls wait briefly."""
    async with served(tmp_path / "home", tmp_path / "state", tool_wait_seconds=0.7) as made:
        await begin(made)
        yield made


@pytest.mark.parametrize(
    ("decide", "action", "outcome"),
    [
        (approve, "accept", "made"),
        (nothing, "accept", "approval_pending"),
        (nothing, "decline", "approval_pending"),
        (nothing, "cancel", "approval_pending"),
        (reject, "accept", "PASSPORT_REVOKED"),
    ],
)
async def test_the_page_is_shown_once_and_only_the_person_at_the_terminal_decides(
    running: Running, upstream: Upstream, decide: Decide, action: str, outcome: str
) -> None:
    connection = await running.connect(upstream)
    call = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things", "body": {"name": "x"}}
    seen: list[str] = []
    callback = asked_by(running, decide, action, seen)
    key = await agent_key(running, connection)
    async with client_of(running, key, elicitation_callback=callback) as client:
        result = await client.call_tool("stack_proxy_request", call)
    assert len(seen) == 1
    if outcome == "made":
        assert result.structured_content["status"] == 201
        assert upstream.effects == 1
        return
    assert outcome in result.content[0].text
    assert upstream.effects == 0


async def test_a_client_that_shows_no_pages_is_told_the_id_at_once(running: Running, upstream: Upstream) -> None:
    connection = await running.connect(upstream)
    call = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things", "body": {"name": "x"}}
    async with client_of(running, await agent_key(running, connection)) as client:
        result = await client.call_tool("stack_proxy_request", call)
    waiting = (await running.person.call(ListIntents())).items[0]
    assert waiting.id in result.content[0].text


@pytest.mark.parametrize("state", ["apr_" + "0" * 22, "nonsense", "apr_x"])
async def test_a_made_up_state_gives_nothing(running: Running, upstream: Upstream, state: str) -> None:
    connection = await running.connect(upstream)
    call = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things", "body": {"name": "x"}}
    async with client_of(running, await agent_key(running, connection)) as client:
        result = await client.call_tool("stack_proxy_request", call, request_state=state)
    assert result.is_error
    assert upstream.effects == 0


async def test_another_agents_approval_named_in_the_state_is_not_spent(running: Running, upstream: Upstream) -> None:
    connection = await running.connect(upstream)
    call = {"service": "custom_demo", "method": "POST", "url": f"{upstream.base_url}/things", "body": {"name": "x"}}
    async with client_of(running, await agent_key(running, connection)) as client:
        await client.call_tool("stack_proxy_request", call)
    approval_id = (await running.person.call(ListIntents())).items[0].id
    await approve(running)
    other = await running.agent("other", connection)
    async with client_of(running, await running.key(agent_id=other.id)) as client:
        result = await client.call_tool("stack_proxy_request", call, request_state=approval_id)
    assert "passport_mismatch" in result.content[0].text
    assert upstream.effects == 0
