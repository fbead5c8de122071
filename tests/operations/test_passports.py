"""Passports as they are shown, and what they add to a grant: kept by a refresh, and by every child."""

from dataclasses import dataclass
from typing import Any

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.wire.agents import Agent
from stack_local.wire.passports import (
    DelegatePassport,
    IssuedPassport,
    IssuePassport,
    ListActivePassports,
    RefreshPassport,
)
from stack_local.wire.services import Connection, DisconnectService
from tests.conftest import Running, decoded
from tests.operations.test_minting import claims
from tests.simulators.upstream import Upstream


async def test_a_live_passport_names_its_services_by_slug(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    await appliance.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "look"}))
    (row,) = (await appliance.person.call(ListActivePassports())).items
    assert row.services == ["custom_demo"]


async def test_disconnecting_a_service_ends_the_passports_that_hold_it(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    await appliance.person.call(IssuePassport(agent_id=agent.id, intent={"summary": "look"}))
    await appliance.person.call(DisconnectService(connection_id=connection.id))
    assert (await appliance.person.call(ListActivePassports())).items == []


INTENT = {"summary": "look"}
PAGE_ONE = {"path": "query.page", "op": "eq", "value": "1"}
FEW = {"path": "query.limit", "op": "in", "value": ["5", "10"]}


@dataclass
class Narrowed:
    """A parent whose passport may look at page one alone, and the agent it delegates to."""

    running: Running
    upstream: Upstream
    connection: Connection
    parent: Agent
    child: Agent

    def only(self, *constraints: dict[str, Any]) -> list[dict[str, Any]]:
        scope = {"service_connection_id": self.connection.id, "scopes": ["read"]}
        return [scope | {"constraints": list(constraints)}]

    async def issue(self, *constraints: dict[str, Any]) -> IssuedPassport:
        asked = IssuePassport(agent_id=self.parent.id, intent=INTENT, scopes=self.only(*constraints))
        return await self.running.person.call(asked)

    async def delegate(self, parent: IssuedPassport, *constraints: dict[str, Any]) -> IssuedPassport:
        scopes = self.only(*constraints) if constraints else None
        asked = DelegatePassport(parent_passport_token=parent.token, child_agent_id=self.child.id, scopes=scopes)
        return await self.running.person.call(asked)

    async def broken(self, passport: IssuedPassport, query: str) -> str | None:
        """The field of the constraint that stops a read; None where it goes out."""
        url = f"{self.upstream.base_url}/things?{query}"
        async with self.running.http(passport.token.get_secret_value()) as http:
            answer = await http.post("/v1/proxy/read", json={"service": "custom_demo", "url": url})
        if answer.status_code == 200:
            return None
        details = decoded(answer)["error"]["details"]
        assert (answer.status_code, details["rule"]) == (403, "constraint")
        return str(details["field"])

    async def seen(self, passport: IssuedPassport) -> list[str | None]:
        queries = ("page=1&limit=5", "page=2&limit=5", "page=1&limit=1000", "")
        return [await self.broken(passport, query) for query in queries]


@pytest.fixture
async def narrowed(appliance: Running, upstream: Upstream) -> Narrowed:
    connection = await appliance.connect(upstream)
    parent, child = await appliance.agent("parent", connection), await appliance.agent("child", connection)
    return Narrowed(appliance, upstream, connection, parent, child)


PAGE_ONE_ALONE = [None, "query.page", None, "query.page"]
BOTH = [None, "query.page", "query.limit", "query.limit"]


async def test_a_refresh_keeps_what_a_passport_adds_to_its_grant(narrowed: Narrowed) -> None:
    issued = await narrowed.issue(PAGE_ONE)
    assert claims(issued)["stk"]["services"][0]["constraints"] == [PAGE_ONE]
    assert await narrowed.seen(issued) == PAGE_ONE_ALONE
    newer = await narrowed.running.person.call(RefreshPassport(token=issued.token))
    newest = await narrowed.running.person.call(RefreshPassport(token=newer.token))
    assert claims(newest)["stk"]["services"][0]["constraints"] == [PAGE_ONE]
    assert await narrowed.seen(newest) == PAGE_ONE_ALONE


async def test_a_child_keeps_its_parents_constraints_whatever_it_asks_for(narrowed: Narrowed) -> None:
    root = await narrowed.issue(PAGE_ONE)
    silent, own = await narrowed.delegate(root), await narrowed.delegate(root, FEW)
    assert await narrowed.seen(silent) == PAGE_ONE_ALONE
    assert await narrowed.seen(own) == BOTH
    looser = await narrowed.delegate(root, {**PAGE_ONE, "value": "2"})
    assert await narrowed.broken(looser, "page=1") == await narrowed.broken(looser, "page=2") == "query.page"


async def test_a_child_is_held_to_what_its_parent_asked_for_it(narrowed: Narrowed) -> None:
    root = await narrowed.issue()
    child = await narrowed.delegate(root, FEW)
    assert claims(child)["stk"]["services"][0]["constraints"] == [FEW]
    assert await narrowed.broken(child, "limit=1000") == "query.limit"
    assert await narrowed.broken(root, "limit=1000") is None


async def test_a_child_is_held_to_its_parent_as_refreshed(narrowed: Narrowed) -> None:
    root = await narrowed.issue(PAGE_ONE)
    child = await narrowed.delegate(root)
    await narrowed.running.person.call(RefreshPassport(token=root.token))
    assert await narrowed.seen(child) == PAGE_ONE_ALONE


async def test_wrong_constraints_mint_nothing_and_name_their_field(narrowed: Narrowed) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await narrowed.issue(PAGE_ONE, {**FEW, "value": "5"})
    assert refused.value.details["field"] == "scopes.0.constraints.1.value"
    assert (await narrowed.running.person.call(ListActivePassports())).items == []
