"""Revoking passports with everything below them: each once, with its reason, and what waited for them."""

from datetime import timedelta
from functools import partial

from stack_local.domain.ids import PassportId
from stack_local.store import approvals, passports
from stack_local.store.approvals import Status
from stack_local.store.database import Database, Tx
from stack_local.store.revocation import Fallen, revoke_with_descendants
from tests.store.test_approvals import row
from tests.store.test_passports import NOW, kept, passport


async def fallen(database: Database, *jtis: str) -> Fallen:
    return await database.write(partial(revoke_with_descendants, jtis=list(jtis), reason="stolen", at=NOW))


async def family(database: Database) -> None:
    await kept(
        database,
        passport("1"),
        passport("2", depth=1, parent_jti=PassportId("ppt_1"), parent_line="line_1"),
        passport("3", depth=2, parent_jti=PassportId("ppt_2"), parent_line="line_2"),
        passport("4"),
    )


async def test_with_a_passport_falls_all_below_it_and_nothing_beside_it(database: Database) -> None:
    await family(database)
    seen = await fallen(database, "ppt_1")
    assert seen.named == [("ppt_1", "agt_1")]
    assert sorted(seen.cascaded) == [("ppt_2", "agt_1"), ("ppt_3", "agt_1")]
    assert seen.jtis[0] == "ppt_1"
    ends = await database.read(lambda tx: [passports.get(tx, f"ppt_{number}").revoked_at for number in (1, 2, 3, 4)])
    assert ends == [NOW, NOW, NOW, None]


async def test_what_fell_before_does_not_fall_again(database: Database) -> None:
    await family(database)
    await fallen(database, "ppt_2")
    seen = await fallen(database, "ppt_1")
    assert seen.jtis == ["ppt_1"]
    assert (await fallen(database, "ppt_1")).jtis == []


async def test_nothing_named_is_nothing_fallen(database: Database) -> None:
    await family(database)
    assert await fallen(database) == Fallen([], [], [])


async def test_what_waited_for_a_session_ends_with_its_last_passport(database: Database) -> None:
    await family(database)
    await database.write(lambda tx: approvals.insert(tx, row("a", session_id="ses_1")))
    assert (await fallen(database, "ppt_1")).approvals == []
    ended = (await fallen(database, "ppt_4")).approvals
    assert [one.id for one in ended] == ["apr_a"]
    assert (await database.read(lambda tx: approvals.get(tx, "apr_a"))).status is not Status.PENDING


async def test_a_later_revocation_keeps_the_time_of_the_first(database: Database) -> None:
    await family(database)
    await fallen(database, "ppt_1")

    def again(tx: Tx) -> None:
        revoke_with_descendants(tx, ["ppt_1"], reason="again", at=NOW + timedelta(hours=1))

    await database.write(again)
    assert (await database.read(lambda tx: passports.get(tx, "ppt_1"))).revoked_at == NOW
