"""Log-ins and revocations as rows: each turn comes when it is due, and nothing moves twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stack_local.domain.errors import NotFound
from stack_local.domain.services import Place
from stack_local.service_templates import read_template
from stack_local.store import connecting as store
from stack_local.store import services
from stack_local.store.connecting import AttemptRow, Flow, RevocationRow, Status
from stack_local.store.database import Database, Tx
from tests.simulators.shop import tenant

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TEMPLATE = read_template("tenant", tenant())
CODE = AttemptRow(
    id="att_1",
    provider="demo",
    name="Demo",
    flow=Flow.CODE,
    template_hash=TEMPLATE.hash,
    state_hash="hash-1",
    sealed=b"sealed",
    asked_by="session:ses_1",
    next_at=NOW,
    created_at=NOW,
    expires_at=NOW + 600 * SECOND,
)
DEVICE = replace(CODE, id="att_2", flow=Flow.DEVICE, state_hash=None, interval_seconds=5)


def keep(tx: Tx) -> None:
    services.keep_template(tx, TEMPLATE)
    store.insert(tx, CODE)
    store.insert(tx, DEVICE)


async def test_a_log_in_comes_back_as_it_was_kept(database: Database) -> None:
    await database.write(keep)
    assert await database.read(lambda tx: store.get(tx, "att_1")) == CODE
    assert await database.read(lambda tx: store.find_by_state(tx, "hash-1")) == CODE
    assert await database.read(lambda tx: store.find_by_state(tx, "hash-2")) is None
    with pytest.raises(NotFound):
        await database.read(lambda tx: store.get(tx, "att_3"))


async def test_it_moves_once(database: Database) -> None:
    await database.write(keep)
    moved = [await database.write(lambda tx: store.move(tx, CODE, after=Status.REDEEMING)) for _ in range(2)]
    assert moved == [True, False]
    assert [row.id for row in await database.read(lambda tx: store.list_waiting(tx, NOW))] == ["att_2"]


ENDS = {"well": ("scon_1", None, Status.CONNECTED), "badly": (None, "no", Status.FAILED)}


@pytest.mark.parametrize(("connection_id", "reason", "status"), ENDS.values(), ids=ENDS)
async def test_what_it_held_is_gone_when_it_ends(
    database: Database, connection_id: str | None, reason: str | None, status: Status
) -> None:
    await database.write(keep)
    await database.write(lambda tx: store.end(tx, CODE, connection_id=connection_id, reason=reason))
    ended = await database.read(lambda tx: store.get(tx, "att_1"))
    assert ended == replace(CODE, sealed=None, status=status, connection_id=connection_id, reason=reason)


async def test_a_device_has_its_turn_when_it_is_due_and_not_over(database: Database) -> None:
    await database.write(keep)
    learned = replace(DEVICE, user_code="ABCD", verification_uri="https://x.test", next_at=NOW + 5 * SECOND)
    await database.write(lambda tx: store.set_device(tx, learned))
    turns = {after: await _turn(database, NOW + after * SECOND) for after in (0, 4, 5, 599, 600)}
    assert turns == {0: None, 4: None, 5: learned, 599: learned, 600: None}


async def _turn(database: Database, now: datetime) -> AttemptRow | None:
    return await database.read(lambda tx: store.find_due_device(tx, now))


async def test_old_ones_are_forgotten(database: Database) -> None:
    await database.write(keep)
    assert await database.write(lambda tx: store.delete_old(tx, before=CODE.expires_at)) == 0
    assert await database.write(lambda tx: store.delete_old(tx, before=CODE.expires_at + SECOND)) == 2


async def test_a_revocation_waits_for_its_turn_until_it_is_done(database: Database) -> None:
    row = RevocationRow(Place("scon_1", "demo", ("a.test:443",), 2), b"sealed", NOW)
    for _ in range(2):
        await database.write(lambda tx: store.put_revocation(tx, row))
    assert await database.read(lambda tx: store.find_revocation(tx, NOW - SECOND)) is None
    assert await database.read(lambda tx: store.find_revocation(tx, NOW)) == row
    await database.write(lambda tx: store.postpone_revocation(tx, "scon_1", until=NOW + SECOND))
    assert await database.read(lambda tx: store.find_revocation(tx, NOW)) is None
    assert await database.read(lambda tx: store.find_revocation(tx, NOW + SECOND)) == row
    await database.write(lambda tx: store.delete_revocation(tx, "scon_1"))
    assert await database.read(lambda tx: store.find_revocation(tx, NOW + SECOND)) is None
