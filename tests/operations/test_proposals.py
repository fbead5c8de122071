"""Proposals: an agent says what it would like, a person types the secret or declines, and the agent never sees it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from stack_local.domain.approvals import MAX_PENDING, PENDING_HOURS
from stack_local.domain.errors import Conflict, NotFound
from stack_local.wire.audit import ListAudit
from stack_local.wire.proposals import DeclineProposal, ListProposals, Proposal
from stack_local.wire.services import ListConnections
from tests.conftest import TOKEN, decoded
from tests.simulators.shop import SHOP, TENANT, Counter

ROUTE = "/v1/services/proposals"


@pytest.fixture
async def agent(at: Counter) -> AsyncIterator[httpx.AsyncClient]:
    """An agent by its key."""
    made = await at.running.agent("helper")
    async with at.running.http(await at.running.key(agent_id=made.id)) as http:
        yield http


async def proposed(agent: httpx.AsyncClient, **fields: Any) -> str:
    asked = {"provider": SHOP, "scopes": ["things:read"], "reason": "to look at things", **fields}
    answer = await agent.post(ROUTE, json=asked)
    assert answer.status_code == 200, answer.text
    return str(decoded(answer)["id"])


async def waiting(at: Counter) -> list[Proposal]:
    return (await at.running.person.call(ListProposals())).items


async def test_what_an_agent_would_like_waits_for_a_person_and_connects_nothing(
    at: Counter, agent: httpx.AsyncClient
) -> None:
    proposal_id = await proposed(agent, name="Shop for me")
    (proposal,) = await waiting(at)
    assert (proposal.id, proposal.provider, proposal.name, proposal.status) == (
        proposal_id,
        SHOP,
        "Shop for me",
        "pending",
    )
    assert (proposal.scopes, proposal.reason) == (["things:read"], "to look at things")
    assert proposal.agent_id is not None
    assert (await at.running.person.call(ListConnections())).items == []


@pytest.mark.parametrize("how", ["token", "log-in"])
async def test_a_person_completes_it_and_it_no_longer_waits(at: Counter, agent: httpx.AsyncClient, how: str) -> None:
    proposal_id = await proposed(agent)
    if how == "token":
        await at.begin(oauth_token=TOKEN, proposal_id=proposal_id)
    else:
        assert (await at.log_in(proposal_id=proposal_id)).status_code == 200
    assert await waiting(at) == []
    assert [one.provider for one in (await at.running.person.call(ListConnections())).items] == [SHOP]
    with pytest.raises(Conflict):
        await at.begin(oauth_token=TOKEN, proposal_id=proposal_id)
    assert len((await at.running.person.call(ListConnections())).items) == 1


async def test_it_is_completed_by_its_own_service_alone(at: Counter, agent: httpx.AsyncClient) -> None:
    proposal_id = await proposed(agent, provider=TENANT, scopes=[])
    with pytest.raises(Conflict):
        await at.begin(oauth_token=TOKEN, proposal_id=proposal_id)
    assert [one.id for one in await waiting(at)] == [proposal_id]


async def test_a_person_declines_it_and_it_is_completed_no_more(at: Counter, agent: httpx.AsyncClient) -> None:
    proposal_id = await proposed(agent)
    begun = await at.begin(proposal_id=proposal_id)
    declined = await at.running.person.call(DeclineProposal(proposal_id=proposal_id, notes="not now"))
    assert (declined.status, declined.notes, await waiting(at)) == ("declined", "not now", [])
    answer = await at.come_back(at.server.allow(begun.authorization_url or ""))
    assert answer.status_code == 409
    assert (await at.running.person.call(ListConnections())).items == []
    with pytest.raises(Conflict):
        await at.running.person.call(DeclineProposal(proposal_id=proposal_id))


async def test_an_equal_one_is_asked_once(at: Counter, agent: httpx.AsyncClient) -> None:
    first = await proposed(agent)
    assert await proposed(agent, reason="another reason") == first
    assert await proposed(agent, scopes=["things:write"]) != first
    assert len(await waiting(at)) == 2


async def test_an_agent_has_only_so_many_waiting(at: Counter, agent: httpx.AsyncClient) -> None:
    for number in range(MAX_PENDING):
        await proposed(agent, name=f"shop {number}")
    more = await agent.post(ROUTE, json={"provider": SHOP, "name": "one more", "reason": "because"})
    assert more.status_code == 429
    assert len(await waiting(at)) == MAX_PENDING


async def test_it_waits_for_a_day(at: Counter, agent: httpx.AsyncClient) -> None:
    await proposed(agent)
    await at.later(3600 * PENDING_HOURS)
    assert await waiting(at) == []


BAD: dict[str, tuple[dict[str, Any], int]] = {
    "an unknown service": ({"provider": "no_such", "reason": "x"}, 404),
    "a way to send a credential": ({"provider": "bearer", "reason": "x"}, 404),
    "no reason": ({"provider": SHOP}, 400),
    "a name with markup": ({"provider": SHOP, "name": "[red]Bank[/]", "reason": "x"}, 400),
    "a name of escapes": ({"provider": SHOP, "name": "a\x1b[2J", "reason": "x"}, 400),
    "a secret": ({"provider": SHOP, "reason": "x", "credential": "s"}, 400),
}


@pytest.mark.parametrize(("asked", "status"), BAD.values(), ids=BAD)
async def test_what_is_no_proposal_is_refused(
    at: Counter, agent: httpx.AsyncClient, asked: dict[str, Any], status: int
) -> None:
    assert (await agent.post(ROUTE, json=asked)).status_code == status
    assert await waiting(at) == []


async def test_an_approval_of_another_kind_is_no_proposal(at: Counter, agent: httpx.AsyncClient) -> None:
    proposal_id = await proposed(agent)
    looked = await agent.get(f"/v1/intents/{proposal_id}")
    assert looked.status_code == 404
    with pytest.raises(NotFound):
        await at.running.person.call(DeclineProposal(proposal_id="apr_" + "0" * 22))


async def test_every_step_is_on_record(at: Counter, agent: httpx.AsyncClient) -> None:
    await at.running.person.call(DeclineProposal(proposal_id=await proposed(agent)))
    entries = (await at.running.person.call(ListAudit(limit=10))).entries
    seen = [(entry.action, entry.subject) for entry in entries if entry.action.startswith("service.")]
    assert seen == [("service.decline", SHOP), ("service.propose", SHOP)]
