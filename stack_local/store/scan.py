"""How many contents were scanned: a number for each month and whom it is counted for."""

from stack_local.store.database import Tx


def count(tx: Tx, month: str, counted_for: str) -> int:
    """How many in a month (`2026-11`), for one agent or bearer."""
    row = tx.find("SELECT count FROM scans WHERE month = :month AND counted_for = :who", month=month, who=counted_for)
    return 0 if row is None else int(row["count"])


def counts(tx: Tx, month: str) -> dict[str, int]:
    """How many in a month, for each."""
    rows = tx.all("SELECT counted_for, count FROM scans WHERE month = :month", month=month)
    return {row["counted_for"]: row["count"] for row in rows}


def add(tx: Tx, month: str, counted_for: str) -> None:
    """Count one."""
    tx.execute(
        "INSERT INTO scans VALUES (:month, :who, 1) ON CONFLICT (month, counted_for) DO UPDATE SET count = count + 1",
        month=month,
        who=counted_for,
    )
