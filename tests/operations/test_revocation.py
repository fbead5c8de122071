"""Revoking: what falls with a passport, an agent, a session, or everything, and what stays."""

from dataclasses import dataclass

import pytest

from stack_local.domain.errors import InvalidRequest
from stack_local.wire.audit import ListAudit
from stack_local.wire.intents import GetIntentApproval, IntentClaim, IntentTarget, SubmitIntent
from stack_local.wire.passports import (
    DeclaredIntent,
    DelegatePassport,
    GetPassportReport,
    IssuedPassport,
    IssuePassport,
    ListActivePassports,
    RefreshPassport,
    RevokeAgentPassports,
    RevokeAllPassports,
    RevokePassport,
    RevokeSession,
)
from tests.conftest import Running
from tests.simulators.upstream import Upstream

INTENT = DeclaredIntent(summary="look")


@dataclass(frozen=True)
class Family:
    """A passport, what it delegated, what that delegated, and a stranger of the same agent."""

    root: IssuedPassport
    child: IssuedPassport
    grandchild: IssuedPassport
    stranger: IssuedPassport
    agents: tuple[str, str, str]


@pytest.fixture
async def family(appliance: Running, upstream: Upstream) -> Family:
    connection = await appliance.connect(upstream)
    first, second, third = [await appliance.agent(name, connection) for name in ("first", "second", "third")]
    root = await appliance.person.call(IssuePassport(agent_id=first.id, intent=INTENT))
    child = await delegated(appliance, root, second.id)
    grandchild = await delegated(appliance, child, third.id)
    stranger = await appliance.person.call(IssuePassport(agent_id=first.id, intent=INTENT))
    return Family(root, child, grandchild, stranger, (first.id, second.id, third.id))


async def delegated(running: Running, parent: IssuedPassport, agent_id: str) -> IssuedPassport:
    return await running.person.call(DelegatePassport(parent_passport_token=parent.token, child_agent_id=agent_id))


async def live(running: Running) -> set[str]:
    return {row.jti for row in (await running.person.call(ListActivePassports())).items}


async def test_a_passport_falls_with_all_below_it_and_nothing_beside_or_above(
    appliance: Running, family: Family
) -> None:
    revoked = await appliance.person.call(RevokePassport(jti=family.child.jti))
    assert revoked.cascaded == [family.grandchild.jti]
    assert await live(appliance) == {family.root.jti, family.stranger.jti}


async def test_a_refreshed_passport_takes_its_successor_along(appliance: Running, family: Family) -> None:
    newer = await appliance.person.call(RefreshPassport(token=family.root.token))
    revoked = await appliance.person.call(RevokePassport(jti=family.root.jti))
    assert set(revoked.cascaded) == {newer.jti, family.child.jti, family.grandchild.jti}
    assert await live(appliance) == {family.stranger.jti}


async def test_each_passport_that_falls_with_another_has_a_record_and_a_reason(
    appliance: Running, family: Family
) -> None:
    await appliance.person.call(RevokePassport(jti=family.root.jti, reason="lost laptop"))
    entries = (await appliance.person.call(ListAudit(limit=100))).entries
    recorded = {entry.passport_jti for entry in entries if entry.action == "passport.revoke_cascade"}
    assert recorded == {family.child.jti, family.grandchild.jti}
    for jti, reason in ((family.root.jti, "lost laptop"), (family.child.jti, "cascade: lost laptop")):
        report = await appliance.person.call(GetPassportReport(jti=jti))
        assert (report.passport.state, report.passport.revoked_reason) == ("revoked", reason)


async def test_revoking_twice_keeps_the_first_reason(appliance: Running, family: Family) -> None:
    await appliance.person.call(RevokePassport(jti=family.root.jti, reason="first"))
    again = await appliance.person.call(RevokePassport(jti=family.root.jti, reason="second"))
    report = await appliance.person.call(GetPassportReport(jti=family.root.jti))
    assert (again.cascaded, report.passport.revoked_reason) == ([], "first")


async def test_an_agents_passports_fall_with_what_they_delegated(appliance: Running, family: Family) -> None:
    ended = await appliance.person.call(RevokeAgentPassports(agent_id=family.agents[1]))
    assert (ended.revoked_count, ended.cascaded_count) == (1, 1)
    assert await live(appliance) == {family.root.jti, family.stranger.jti}


async def test_a_session_falls_whole_and_alone(appliance: Running, family: Family) -> None:
    ended = await appliance.person.call(RevokeSession(session_id=family.root.session_id))
    assert ended.revoked_count == 3
    assert await live(appliance) == {family.stranger.jti}


async def test_the_emergency_stop_ends_everything_but_not_by_accident(appliance: Running, family: Family) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await appliance.person.call(RevokeAllPassports())
    assert (refused.value.details["field"], len(await live(appliance))) == ("confirm", 4)
    ended = await appliance.person.call(RevokeAllPassports(confirm=True))
    assert (ended.revoked_count, await live(appliance)) == (4, set())


async def test_a_keys_emergency_stop_ends_what_it_sees(appliance: Running, family: Family) -> None:
    async with appliance.http(await appliance.key(agent_id=family.agents[2])) as http:
        response = await http.post("/v1/passports/revoke-all", json={"confirm": True})
    assert response.json()["revoked_count"] == 1
    assert await live(appliance) == {family.root.jti, family.child.jti, family.stranger.jti}


async def test_a_question_ends_with_the_last_passport_of_its_session(
    appliance: Running, upstream: Upstream, family: Family
) -> None:
    target = IntentTarget(service="custom_demo", method="POST", url=f"{upstream.base_url}/things")
    asked = SubmitIntent(intent=IntentClaim(target=target), passport_token=family.root.token)
    waiting = await appliance.person.call(asked)
    await appliance.person.call(RevokePassport(jti=family.child.jti))
    still = await appliance.person.call(GetIntentApproval(approval_id=waiting.approval_id))
    await appliance.person.call(RevokePassport(jti=family.root.jti))
    after = await appliance.person.call(GetIntentApproval(approval_id=waiting.approval_id))
    assert (still.status, after.status) == ("pending", "expired")
