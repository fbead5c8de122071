"""Minting: who gets a passport, how long it lives, what it may hold, and the one the appliance holds for a key."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from stack_local.domain.errors import Forbidden, InvalidRequest
from stack_local.operations.minting import AHEAD
from stack_local.wire.access import GrantAgentAccess, RevokeAgentAccess
from stack_local.wire.agents import UpdateAgent
from stack_local.wire.intents import IntentClaim, IntentTarget, RejectIntent, SubmitIntent
from stack_local.wire.passports import (
    DeclaredIntent,
    DelegatePassport,
    IssuedPassport,
    IssuePassport,
    ListActivePassports,
    RefreshPassport,
    RevokePassport,
    ServiceScope,
    VerifyPassport,
)
from tests.conftest import Running, decoded
from tests.simulators.upstream import Upstream

INTENT = DeclaredIntent(summary="look")

LIFETIMES: dict[str, tuple[str, dict[str, int], int]] = {
    "enforced, until the first checkpoint": ("enforced", {}, 300),
    "enforced, a checkpoint later than the end": ("enforced", {"checkpoint_interval_seconds": 3600}, 900),
    "logged, left to itself": ("logged", {}, 900),
    "logged, the longest": ("logged", {"ttl_seconds": 3600}, 3600),
    "logged, a checkpoint ends nothing": ("logged", {"checkpoint_interval_seconds": 60}, 900),
    "standard, the shortest": ("standard", {"ttl_seconds": 60}, 60),
}


def claims(issued: IssuedPassport) -> dict[str, Any]:
    """What the token says, unchecked."""
    middle = issued.token.get_secret_value().split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return found


def read(upstream: Upstream) -> dict[str, str]:
    return {"service": "custom_demo", "method": "GET", "url": f"{upstream.base_url}/things"}


async def issue(running: Running, agent_id: str, **fields: Any) -> IssuedPassport:
    return await running.person.call(IssuePassport(agent_id=agent_id, intent=INTENT, **fields))


@pytest.mark.parametrize("case", LIFETIMES)
async def test_a_passport_lives_as_long_as_its_mode_says(appliance: Running, upstream: Upstream, case: str) -> None:
    mode, asked, seconds = LIFETIMES[case]
    agent = await appliance.agent("helper", await appliance.connect(upstream), accountability_mode=mode)
    issued = await issue(appliance, agent.id, **asked)
    assert (issued.expires_at - appliance.system.now()).total_seconds() == seconds
    assert claims(issued)["exp"] - claims(issued)["iat"] == seconds
    verdicts = []
    async with appliance.http() as http:
        for passing in (seconds - 1, 1):
            appliance.system.advance(passing)
            response = await http.post("/v1/passports/verify", json={"token": issued.token.get_secret_value()})
            verdicts.append(decoded(response)["valid"])
    assert verdicts == [True, False]


async def test_a_suspended_agent_gets_no_passport(appliance: Running) -> None:
    agent = await appliance.agent("helper")
    await appliance.person.call(UpdateAgent(agent_id=agent.id, status="suspended"))
    with pytest.raises(Forbidden) as refused:
        await issue(appliance, agent.id)
    assert refused.value.details["rule"] == "agent_status"


async def test_a_blocked_agent_gets_no_passport_by_issue_refresh_or_delegation(
    appliance: Running, upstream: Upstream
) -> None:
    connection = await appliance.connect(upstream)
    parent, blocked = await appliance.agent("parent", connection), await appliance.agent("blocked", connection)
    root, old, asking = [await issue(appliance, one.id) for one in (parent, blocked, blocked)]
    target = IntentTarget(service="custom_demo", method="POST", url=f"{upstream.base_url}/things")
    submit = SubmitIntent(intent=IntentClaim(target=target), passport_token=asking.token)
    waiting = await appliance.person.call(submit)
    await appliance.person.call(RejectIntent(approval_id=waiting.approval_id, block_future=True))
    for attempt in (
        IssuePassport(agent_id=blocked.id, intent=INTENT),
        RefreshPassport(token=old.token),
        DelegatePassport(parent_passport_token=root.token, child_agent_id=blocked.id),
    ):
        with pytest.raises(Forbidden) as refused:
            await appliance.person.call(attempt)
        assert refused.value.code == "PASSPORT_BLOCKED"


async def test_a_passport_holds_what_was_asked_within_what_is_granted(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    narrow = await issue(
        appliance, agent.id, scopes=[ServiceScope(service_connection_id=connection.id, scopes=["read"])]
    )
    (service,) = claims(narrow)["stk"]["services"]
    assert (service["connection_id"], service["scopes"]) == (connection.id, ["read"])
    with pytest.raises(InvalidRequest) as refused:
        await issue(appliance, agent.id, scopes=[ServiceScope(service_connection_id=connection.id, scopes=["admin"])])
    assert refused.value.code == "SCOPE_ESCALATION"


async def test_a_child_never_outgrows_its_parent(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    parent, child = await appliance.agent("parent", connection), await appliance.agent("child", connection)
    half = [ServiceScope(service_connection_id=connection.id, scopes=["read"])]
    root = await issue(appliance, parent.id, scopes=half)
    made = await appliance.person.call(DelegatePassport(parent_passport_token=root.token, child_agent_id=child.id))
    assert claims(made)["stk"]["services"][0]["scopes"] == ["read"]
    assert (made.session_id, claims(made)["stk"]["parent_passport_id"]) == (root.session_id, root.jti)
    both = [ServiceScope(service_connection_id=connection.id, scopes=["read", "write"])]
    with pytest.raises(InvalidRequest) as refused:
        await appliance.person.call(
            DelegatePassport(parent_passport_token=root.token, child_agent_id=child.id, scopes=both)
        )
    assert refused.value.code == "SCOPE_ESCALATION"


async def test_a_child_is_good_for_nothing_once_its_parent_is_over(appliance: Running, upstream: Upstream) -> None:
    connection = await appliance.connect(upstream)
    parent, child = [
        await appliance.agent(name, connection, accountability_mode="logged") for name in ("parent", "child")
    ]
    root = await issue(appliance, parent.id, ttl_seconds=60)
    made = await appliance.person.call(
        DelegatePassport(parent_passport_token=root.token, child_agent_id=child.id, ttl_seconds=3600)
    )
    assert made.expires_at == root.expires_at
    appliance.system.advance(61)
    assert (await appliance.person.call(ListActivePassports())).items == []
    assert not (await appliance.person.call(VerifyPassport(token=made.token))).valid
    async with appliance.http(made.token.get_secret_value()) as http:
        refused = await http.post("/v1/proxy", json=read(upstream))
    assert (refused.status_code, decoded(refused)["error"]["code"]) == (401, "PASSPORT_EXPIRED")
    assert upstream.requests == []


async def test_a_refreshed_session_ends_a_day_after_it_began(appliance: Running, upstream: Upstream) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream), accountability_mode="logged")
    began: datetime = appliance.system.now()
    first = await issue(appliance, agent.id)
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        mine = decoded(await http.post("/v1/passports/issue", json={"agent_id": agent.id, "intent": {"summary": "x"}}))
        appliance.system.advance(24 * 3600 - 600)
        newer = decoded(await http.post("/v1/passports/refresh", json={"token": mine["token"], "ttl_seconds": 3600}))
    assert first.session_id != newer["session_id"] == mine["session_id"]
    assert (datetime.fromisoformat(newer["expires_at"]) - began).total_seconds() == 24 * 3600


async def test_a_key_of_one_agent_proxies_under_one_passport_that_follows_its_grants(
    appliance: Running, upstream: Upstream
) -> None:
    connection = await appliance.connect(upstream)
    agent = await appliance.agent("helper", connection)
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        for _ in range(2):
            assert (await http.post("/v1/proxy", json=read(upstream))).status_code == 200
        (held,) = (await appliance.person.call(ListActivePassports())).items
        await appliance.person.call(
            GrantAgentAccess(agent_id=agent.id, service_connection_id=connection.id, scopes=["read"])
        )
        assert (await http.post("/v1/proxy", json=read(upstream))).status_code == 200
        (newer,) = (await appliance.person.call(ListActivePassports())).items
    assert (newer.session_id, newer.jti != held.jti) == (held.session_id, True)


@pytest.mark.parametrize(("left", "is_new"), [(AHEAD + timedelta(seconds=1), False), (AHEAD, True)])
async def test_the_passport_of_a_key_is_refreshed_before_a_call_that_waits_could_outlive_it(
    appliance: Running, upstream: Upstream, left: timedelta, is_new: bool
) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        assert (await http.post("/v1/proxy", json=read(upstream))).status_code == 200
        (held,) = (await appliance.person.call(ListActivePassports())).items
        appliance.system.advance((held.expires_at - left - appliance.system.now()).total_seconds())
        assert (await http.post("/v1/proxy", json=read(upstream))).status_code == 200
        (now,) = (await appliance.person.call(ListActivePassports())).items
    assert (now.session_id, now.jti != held.jti) == (held.session_id, is_new)


@pytest.mark.parametrize("how", ["the passport", "the access"])
async def test_a_passport_that_a_person_revoked_is_not_made_anew_by_itself(
    appliance: Running, upstream: Upstream, how: str
) -> None:
    agent = await appliance.agent("helper", await appliance.connect(upstream))
    async with appliance.http(await appliance.key(agent_id=agent.id)) as http:
        assert (await http.post("/v1/proxy", json=read(upstream))).status_code == 200
        (held,) = (await appliance.person.call(ListActivePassports())).items
        if how == "the passport":
            await appliance.person.call(RevokePassport(jti=held.jti))
        else:
            await appliance.person.call(RevokeAgentAccess(agent_id=agent.id))
        refused = await http.post("/v1/proxy", json=read(upstream))
    assert (refused.status_code, decoded(refused)["error"]["code"]) == (401, "PASSPORT_REVOKED")
    assert len(upstream.requests) == 1


async def test_a_key_of_no_agent_names_its_passport(appliance: Running, upstream: Upstream) -> None:
    await appliance.connect(upstream)
    async with appliance.http(await appliance.key()) as http:
        refused = await http.post("/v1/proxy", json=read(upstream))
    assert (refused.status_code, decoded(refused)["error"]["details"]["field"]) == (400, "passport_token")
