"""Passports as rows: revoked together and once, counted in the epoch, and listed while they are good."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from stack_local.domain.call_reading import Reading
from stack_local.domain.constraints import Constraint, Op
from stack_local.domain.errors import NotFound
from stack_local.domain.ids import AgentId, PassportId, SessionId
from stack_local.domain.passports import Mode, Passport, ServiceScope, constraints_on
from stack_local.store import meta, passports
from stack_local.store.database import Database, Tx
from stack_local.wire.passports import CheckpointRow, DeclaredIntent
from tests.domain.samples import CALL
from tests.simulators.clock import TestSystem

NOW = TestSystem().now()
INTENT = DeclaredIntent(summary="tidy the issues", services=["github"])


def passport(name: str, **fields: Any) -> Passport:
    issued = Passport(
        jti=PassportId(f"ppt_{name}"),
        agent_id=AgentId("agt_1"),
        session_id=SessionId("ses_1"),
        mode=Mode.LOGGED,
        services=(ServiceScope("scon_1", frozenset({"read", "write"})),),
        minted_by="key:key_1",
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
        latest_expires_at=NOW + timedelta(minutes=15),
        session_ends_at=NOW + timedelta(hours=24),
        checkpoint_seconds=None,
        line=f"line_{name}",
    )
    return replace(issued, **fields)


async def kept(database: Database, *issued: Passport, intent: DeclaredIntent | None = None) -> None:
    def work(tx: Tx) -> None:
        for one in issued:
            passports.insert(tx, one, intent=intent, ttl_seconds=900, is_automatic=False)

    await database.write(work)


async def revoked(database: Database, *names: str, minutes: int = 0, reason: str = "stolen") -> list[tuple[str, str]]:
    at = NOW + timedelta(minutes=minutes)
    return await database.write(lambda tx: passports.revoke(tx, [f"ppt_{n}" for n in names], reason=reason, at=at))


async def live(database: Database, **asked: Any) -> list[str]:
    filters: dict[str, Any] = {"now": NOW, "agents": None, "agent_id": None, "session_id": None}
    rows = await database.read(lambda tx: passports.list_live(tx, **{**filters, **asked}))
    return [row.jti for row in rows]


async def test_a_passport_is_found_as_it_was_kept_with_its_intent(database: Database) -> None:
    child = passport("1", depth=1, parent_jti=PassportId("ppt_0"), parent_line="line_0", checkpoint_seconds=300)
    await kept(database, child, intent=INTENT)
    found = await database.read(lambda tx: passports.find(tx, "ppt_1"))
    assert found == replace(child, intent_summary=INTENT.summary, intent_services=("github",))
    assert await database.read(lambda tx: passports.intent_of(tx, "ppt_1")) == INTENT


async def test_a_passports_constraints_are_kept_with_their_service_and_run_again(database: Database) -> None:
    listed = Constraint("body.channel", Op.IN, ["general", 7])
    pattern = Constraint("url.pathname", Op.MATCHES, "/v1/[a-z]+", lambda text: True)
    both = frozenset({"read", "write"})
    services = (ServiceScope("scon_1", both, (listed, pattern)), ServiceScope("scon_2", frozenset({"read"})))
    await kept(database, passport("1", services=services), passport("2"))
    found = await database.read(lambda tx: passports.get(tx, "ppt_1"))
    assert found.services == services
    assert [one.holds(Reading(CALL)) for one in constraints_on(found, "scon_1")] == [False, True]
    assert constraints_on(found, "scon_2") == constraints_on(found, "scon_3") == ()
    assert await database.read(lambda tx: passports.revocable(tx, now=NOW, connection_id="scon_2")) == ["ppt_1"]


async def test_a_passport_that_is_not_there_is_none_to_find_and_missing_to_get(database: Database) -> None:
    assert await database.read(lambda tx: passports.find(tx, "ppt_1")) is None
    with pytest.raises(NotFound):
        await database.read(lambda tx: passports.get(tx, "ppt_1"))


async def test_a_revocation_marks_all_that_were_given_and_no_other_and_is_one_step_of_the_epoch(
    database: Database,
) -> None:
    await kept(database, *(passport(name) for name in "123"))
    assert sorted(await revoked(database, "1", "2", "unknown")) == [("ppt_1", "agt_1"), ("ppt_2", "agt_1")]
    rows = [await database.read(partial(passports.get, jti=f"ppt_{name}")) for name in "123"]
    assert [row.revoked_at for row in rows] == [NOW, NOW, None]
    assert await database.read(lambda tx: meta.get(tx, "revocation_epoch")) == "1"


async def test_what_is_revoked_stays_as_it_was_first_and_moves_no_epoch(database: Database) -> None:
    await kept(database, passport("1"))
    await revoked(database, "1")
    assert await revoked(database, "1", minutes=5, reason="again") == []
    assert await database.read(lambda tx: passports.get(tx, "ppt_1").revoked_at) == NOW
    assert await database.read(lambda tx: passports.revoked_reason(tx, "ppt_1")) == "stolen"
    assert await database.read(lambda tx: meta.get(tx, "revocation_epoch")) == "1"


async def test_a_revocation_asks_for_the_anchor_and_has_remembered_bearers_forgotten(database: Database) -> None:
    await kept(database, passport("1"))

    def work(tx: Tx) -> tuple[bool, bool]:
        tx.anchors = tx.touches_access = False
        passports.revoke(tx, ["ppt_1"], reason="stolen", at=NOW)
        return tx.anchors, tx.touches_access

    assert await database.write(work) == (True, True)


async def test_revocable_is_what_a_refresh_could_bring_back_too(database: Database) -> None:
    ended = {"expires_at": NOW - timedelta(hours=1), "latest_expires_at": NOW - timedelta(hours=1)}
    await kept(database, passport("live"), passport("expired", **ended), passport("over", session_ends_at=NOW))
    await kept(database, passport("revoked"), passport("refreshed"))
    await revoked(database, "revoked")
    await database.write(lambda tx: passports.set_refreshed(tx, "ppt_refreshed", at=NOW))
    found = await database.read(lambda tx: passports.revocable(tx, now=NOW))
    assert set(found) == {"ppt_live", "ppt_expired", "ppt_refreshed"}


@pytest.mark.parametrize(
    "asked", [{"agent_id": "agt_2"}, {"session_id": "ses_2"}, {"connection_id": "scon_2"}], ids=lambda asked: min(asked)
)
async def test_revocable_is_narrowed_to_what_was_asked_for(database: Database, asked: dict[str, str]) -> None:
    other = passport(
        "other",
        agent_id=AgentId("agt_2"),
        session_id=SessionId("ses_2"),
        services=(ServiceScope("scon_2", frozenset()), ServiceScope("scon_3", frozenset({"read"}))),
    )
    await kept(database, passport("1"), other)
    assert await database.read(lambda tx: passports.revocable(tx, now=NOW, **asked)) == ["ppt_other"]


async def test_only_what_is_good_now_is_listed_newest_first(database: Database) -> None:
    await kept(database, passport("old", issued_at=NOW - timedelta(minutes=1)), passport("new"))
    await kept(database, passport("expired", expires_at=NOW), passport("revoked"), passport("refreshed"))
    await revoked(database, "revoked")
    await database.write(lambda tx: passports.set_refreshed(tx, "ppt_refreshed", at=NOW))
    assert await live(database) == ["ppt_new", "ppt_old"]
    assert await live(database, now=NOW + timedelta(minutes=15)) == []


async def test_a_list_is_narrowed_to_the_agents_a_reader_may_see(database: Database) -> None:
    await kept(database, passport("1"), passport("2", agent_id=AgentId("agt_2"), session_id=SessionId("ses_2")))
    assert await live(database, agents=frozenset({"agt_2"})) == ["ppt_2"]
    assert await live(database, agents=frozenset({"agt_2"}), agent_id="agt_1") == []
    assert await live(database, agents=frozenset()) == []
    assert await live(database, session_id="ses_1") == ["ppt_1"]


async def test_descendants_are_the_refreshes_and_all_that_was_delegated_below(database: Database) -> None:
    await kept(
        database,
        passport("root"),
        passport("refresh", line="line_root"),
        passport("child", depth=1, parent_line="line_root"),
        passport("grandchild", depth=2, parent_line="line_child"),
        passport("stranger"),
    )
    below = await database.read(lambda tx: passports.descendants(tx, ["ppt_root"]))
    assert set(below) == {"ppt_refresh", "ppt_child", "ppt_grandchild"}
    grandchild = await database.read(lambda tx: passports.get(tx, "ppt_grandchild"))
    chain = await database.read(lambda tx: passports.chain(tx, grandchild))
    assert [one.jti for one in chain] == ["ppt_grandchild", "ppt_child", "ppt_refresh"]


async def test_checkpoints_are_listed_oldest_first(database: Database) -> None:
    await kept(database, passport("1"))
    rows = [
        CheckpointRow(
            checkpoint_id=f"chk_{n}",
            services_used=["github"],
            actions_count=n,
            summary=None,
            at=NOW - timedelta(seconds=n),
        )
        for n in range(2)
    ]
    for row in rows:
        await database.write(partial(passports.insert_checkpoint, row=row, jti="ppt_1", reported="{}"))
    assert await database.read(lambda tx: passports.list_checkpoints(tx, "ppt_1")) == rows[::-1]
