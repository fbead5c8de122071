"""How many calls went out this minute and this month, by agent and connection, beside what they are allowed."""

from collections import Counter
from datetime import datetime, timedelta
from math import ceil

from stack_local.domain.terms import Allowance, Period, Spent
from stack_local.store import proxy as operations
from stack_local.store.database import Tx

Pair = tuple[str, str]
"""Agent and connection."""


class Usage:
    """Counted up in the writer's thread, with each call that is let out; a restart reads the month from the vault."""

    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._this_minute: Counter[Pair] = Counter()
        self._month: datetime | None = None
        self._this_month: Counter[Pair] = Counter()

    def spent(self, tx: Tx, now: datetime, pair: Pair, *, agent: Allowance, grant: Allowance) -> tuple[Spent, ...]:
        """The allowances that leave no further call; one that is counted by the month first, for it lasts longer."""
        if agent == grant == Allowance():
            return ()
        of_agent, of_grant = self._counts(tx, now, pair)
        found = [
            *_spent("agent", agent, of_agent, now),
            *_spent("grant", grant, of_grant, now),
        ]
        return tuple(sorted(found, key=lambda one: -one.retry_after_seconds))

    def _counts(self, tx: Tx, now: datetime, pair: Pair) -> tuple[dict[Period, int], dict[Period, int]]:
        month = self._month_of(tx, now)
        minute = self._this_minute if self._minute == minute_of(now) else Counter[Pair]()
        counted = {Period.MINUTE: minute, Period.MONTH: month}
        # A list of its own: a reader may count while the writer adds.
        of_agent = {
            period: sum(count for (agent_id, _), count in list(counts.items()) if agent_id == pair[0])
            for period, counts in counted.items()
        }
        return of_agent, {period: counts[pair] for period, counts in counted.items()}

    def _month_of(self, tx: Tx, now: datetime) -> Counter[Pair]:
        start = month_of(now)
        if self._month == start:
            return self._this_month
        counted = Counter(operations.count_since(tx, start))
        if tx.is_writer:
            # What a reader finds may lack a call that is being let out.
            self._this_month = counted
            self._month = start
        return counted

    def add(self, pair: Pair, now: datetime) -> None:
        """A call was let out."""
        if self._minute != minute_of(now):
            self._minute = minute_of(now)
            self._this_minute.clear()
        self._this_minute[pair] += 1
        if self._month == month_of(now):
            self._this_month[pair] += 1

    def forget_month(self) -> None:
        """What was counted may not have been committed: the vault is asked again."""
        self._month = None


def minute_of(now: datetime) -> datetime:
    """The beginning of its minute."""
    return now.replace(second=0, microsecond=0)


def month_of(now: datetime) -> datetime:
    """The beginning of its calendar month, in UTC."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_after(now: datetime) -> datetime:
    """The beginning of the next one."""
    return month_of(month_of(now) + timedelta(days=32))


def _spent(whose: str, allowance: Allowance, counts: dict[Period, int], now: datetime) -> list[Spent]:
    limits = {Period.MINUTE: allowance.per_minute, Period.MONTH: allowance.per_month}
    ends = {Period.MINUTE: minute_of(now) + timedelta(minutes=1), Period.MONTH: month_after(now)}
    return [
        Spent(whose, period, limit, max(1, ceil((ends[period] - now).total_seconds())))
        for period, limit in limits.items()
        if limit is not None and counts[period] >= limit
    ]
