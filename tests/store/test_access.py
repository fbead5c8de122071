"""Grants as rows: replaced, taken away, read by the rules as they are at that moment; and the agents' allowances."""

from datetime import timedelta
from typing import Any

import pytest

from stack_local.domain.constraints import Constraint, Op
from stack_local.domain.passports import ServiceScope
from stack_local.domain.terms import NO_TERMS, Allowance, CallRule, Terms, Window, Word
from stack_local.store import access, agents, services
from stack_local.store.database import Database, Tx
from stack_local.wire.access import Grant
from stack_local.wire.agents import Agent
from stack_local.wire.services import Connection, InjectionSpec
from tests.simulators.clock import TestSystem

NOW = TestSystem().now()
ONLY_GET = Constraint("method", Op.EQ, "GET")
TERMS = Terms(
    constraints=(ONLY_GET,),
    rules=(CallRule(Word.ASK, (), "every time"),),
    windows=(Window(frozenset({0, 1}), 540, 1020, 60),),
    allowance=Allowance(5, 100),
)


def agent(name: str) -> Agent:
    return Agent(
        id=f"agt_{name}",
        operator_id="op_1",
        name=name,
        description=None,
        status="active",
        accountability_mode="enforced",
        on_warning="notify",
        on_critical="notify",
        credential_access="proxy_only",
        approvals="writes",
        passport_blocked=False,
        passport_blocked_reason=None,
        passport_blocked_at=None,
        icon_url=None,
        created_at=NOW,
        updated_at=NOW,
    )


def connection(name: str) -> Connection:
    return Connection(
        id=f"scon_{name}",
        provider=f"custom_{name}",
        name=name,
        description=None,
        account=None,
        status="connected",
        hosts=["api.example.com:443"],
        injection=InjectionSpec(),
        scopes=["read", "write"],
        asks_everything=False,
        verification="never",
        verified_at=None,
        version=1,
        credential_version=1,
        connected_by="session:1",
        connected_at=NOW,
    )


def grant(number: int, agent_id: str, connection_id: str, *scopes: str) -> Grant:
    return Grant(
        id=f"grant_{number}",
        agent_id=agent_id,
        service_connection_id=connection_id,
        provider="",
        service_name="",
        scopes=list(scopes),
        granted_by="session:1",
        granted_at=NOW + timedelta(seconds=number),
    )


@pytest.fixture
async def granted(database: Database) -> Database:
    """Two agents; the first has two grants, one of them with terms, the second has one."""

    def work(tx: Tx) -> None:
        for name in ("1", "2"):
            agents.insert(tx, agent(name), owner="session:1")
            services.insert(tx, connection(name), verify_path=None)
        access.put(tx, grant(1, "agt_1", "scon_1", "read", "write"), TERMS)
        access.put(tx, grant(2, "agt_1", "scon_2", "read"), NO_TERMS)
        access.put(tx, grant(3, "agt_2", "scon_1", "read"), NO_TERMS)

    await database.write(work)
    return database


async def seen(database: Database) -> dict[str, Any]:
    """What the rules read of the first agent's first grant."""

    def work(tx: Tx) -> dict[str, Any]:
        return {
            "scopes": access.scopes_on(tx, "agt_1", "scon_1"),
            "terms": access.terms_on(tx, "agt_1", "scon_1"),
            "services": {service.connection_id for service in access.list_scopes(tx, "agt_1")},
        }

    return await database.read(work)


async def test_a_grant_is_read_as_it_was_kept(granted: Database) -> None:
    both = {"scon_1", "scon_2"}
    assert await seen(granted) == {"scopes": frozenset({"read", "write"}), "terms": TERMS, "services": both}
    listed = await granted.read(lambda tx: access.list_(tx, "agt_1"))
    assert [(one.id, one.service_connection_id, one.provider) for one in listed] == [
        ("grant_1", "scon_1", "custom_1"),
        ("grant_2", "scon_2", "custom_2"),
    ]
    assert [len(one.terms.constraints) for one in listed] == [1, 0]
    assert (listed[0].terms.calls_per_minute, listed[0].terms.windows[0].from_time) == (5, "09:00")


async def test_the_passport_is_minted_of_scopes_alone(granted: Database) -> None:
    """The terms are read with each call: a passport that carried them would not follow a change."""
    services_of = await granted.read(lambda tx: access.list_scopes(tx, "agt_1"))
    assert services_of[0] == ServiceScope("scon_1", frozenset({"read", "write"}), ())


async def test_a_second_grant_on_a_connection_replaces_scopes_and_terms(granted: Database) -> None:
    await granted.write(lambda tx: access.put(tx, grant(4, "agt_1", "scon_1", "read"), NO_TERMS))
    after = await seen(granted)
    assert (after["scopes"], after["terms"]) == (frozenset({"read"}), NO_TERMS)
    assert len(await granted.read(lambda tx: access.list_(tx, "agt_1"))) == 2


async def test_a_row_of_before_the_terms_has_none(granted: Database) -> None:
    """The column's default is what an older vault gets when it is migrated."""
    insert = "INSERT INTO grants (id, agent_id, connection_id, scopes, granted_by, granted_at) "
    values = "VALUES ('grant_9', 'agt_2', 'scon_2', '[\"read\"]', 'session:1', 1)"
    await granted.write(lambda tx: tx.execute(insert + values))
    assert await granted.read(lambda tx: access.terms_on(tx, "agt_2", "scon_2")) is NO_TERMS
    assert await granted.read(lambda tx: access.list_(tx, "agt_2")[0].terms.constraints) == []


async def test_what_is_not_granted_has_no_scopes_and_no_terms(granted: Database) -> None:
    for agent_id, connection_id in (("agt_2", "scon_2"), ("agt_9", "scon_1"), ("agt_1", "scon_9")):
        found = await granted.read(
            lambda tx, who=agent_id, what=connection_id: (
                access.scopes_on(tx, who, what),
                access.terms_on(tx, who, what),
            )
        )
        assert found == (frozenset(), NO_TERMS)


async def test_one_grant_goes_and_the_others_stay(granted: Database) -> None:
    await granted.write(lambda tx: access.delete(tx, "agt_1", "scon_1"))
    after = await seen(granted)
    assert (after["scopes"], after["terms"], after["services"]) == (frozenset(), NO_TERMS, {"scon_2"})
    assert await granted.write(lambda tx: access.delete_all(tx, "agt_1")) == 1
    assert await granted.write(lambda tx: access.delete_all(tx, "agt_1")) == 0
    assert await granted.read(lambda tx: access.scopes_on(tx, "agt_2", "scon_1")) == {"read"}


async def test_the_writer_reads_terms_anew_after_each_change(granted: Database) -> None:
    """What it remembers of a grant must not outlive the grant."""

    def work(tx: Tx) -> list[Terms]:
        before = access.terms_on(tx, "agt_1", "scon_1")
        access.put(tx, grant(5, "agt_1", "scon_1", "read"), NO_TERMS)
        return [before, access.terms_on(tx, "agt_1", "scon_1")]

    assert await granted.write(work) == [TERMS, NO_TERMS]


async def test_an_allowance_is_the_agents_own_and_the_last_one_stands(granted: Database) -> None:
    assert await granted.read(lambda tx: access.allowance_of(tx, "agt_1")) == Allowance()
    for allowance in (Allowance(5, 100), Allowance(0, None)):
        await granted.write(lambda tx, now=allowance: access.set_allowance(tx, "agt_1", now))
        assert await granted.read(lambda tx: access.allowance_of(tx, "agt_1")) == allowance
    assert await granted.read(lambda tx: access.allowance_of(tx, "agt_2")) == Allowance()


async def test_every_change_has_remembered_bearers_forgotten(granted: Database) -> None:
    changes = (
        lambda tx: access.put(tx, grant(6, "agt_1", "scon_1", "read"), TERMS),
        lambda tx: access.set_allowance(tx, "agt_1", Allowance(1, 1)),
        lambda tx: access.delete(tx, "agt_1", "scon_1"),
        lambda tx: access.delete_all(tx, "agt_1"),
    )
    for change in changes:
        before = granted.access_generation
        await granted.write(change)
        assert granted.access_generation == before + 1
