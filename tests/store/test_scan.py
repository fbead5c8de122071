"""The meter of scans: a number for each month and each whom it is counted for."""

from stack_local.store import scan
from stack_local.store.database import Database


async def test_nothing_was_counted_at_first(database: Database) -> None:
    assert await database.read(lambda tx: (scan.count(tx, "2026-11", "agt_1"), scan.counts(tx, "2026-11"))) == (0, {})


async def test_each_month_and_each_agent_is_counted_by_itself(database: Database) -> None:
    for month, who in [("2026-11", "agt_1"), ("2026-11", "agt_1"), ("2026-11", "key:key_1"), ("2026-12", "agt_1")]:
        await database.write(lambda tx, month=month, who=who: scan.add(tx, month, who))
    assert await database.read(lambda tx: scan.counts(tx, "2026-11")) == {"agt_1": 2, "key:key_1": 1}
    assert await database.read(lambda tx: scan.count(tx, "2026-12", "agt_1")) == 1
