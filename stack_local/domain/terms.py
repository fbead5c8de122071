"""The terms of a grant: what narrows it beyond its scopes, and when a person is asked whatever the agent says."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stack_local.domain.calls import Call
from stack_local.domain.constraints import Constraint

MINUTES_OF_DAY = 24 * 60


class Word(StrEnum):
    """What a rule says of the calls it fits; the first of these wins, whatever the order of the rules."""

    BLOCK = "block"
    ASK = "ask"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class CallRule:
    """A word on every call that fits all of its conditions."""

    word: Word
    when: tuple[Constraint, ...]
    """Empty fits every call."""
    note: str = ""
    """Why, in the words of whoever wrote it."""

    def fits(self, call: Call) -> bool:
        """Whether the rule is about this call."""
        return all(condition.holds(call) for condition in self.when)


@dataclass(frozen=True, slots=True)
class Window:
    """A time of the week in which calls may go out."""

    days: frozenset[int]
    """0 is Monday."""
    from_minute: int
    to_minute: int
    """Minutes of the day; `to` is the first one outside."""
    utc_offset_minutes: int = 0

    def is_open(self, now: datetime) -> bool:
        """Whether it is open at `now`."""
        local = now + timedelta(minutes=self.utc_offset_minutes)
        return local.weekday() in self.days and self.from_minute <= local.hour * 60 + local.minute < self.to_minute

    def ends_at(self, now: datetime) -> datetime:
        """When an open window closes."""
        local = now + timedelta(minutes=self.utc_offset_minutes)
        midnight = now - timedelta(
            hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
        return midnight + timedelta(minutes=self.to_minute)


class Period(StrEnum):
    """Over what an allowance counts."""

    MINUTE = "minute"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many calls may go out; None is without a limit."""

    per_minute: int | None = None
    per_month: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """An allowance that is used up."""

    whose: str
    """`agent` or `grant`."""
    period: Period
    limit: int
    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything a person said of one agent's use of one connection besides its scopes."""

    constraints: tuple[Constraint, ...] = ()
    rules: tuple[CallRule, ...] = ()
    windows: tuple[Window, ...] = ()
    """In any of them; none is always."""
    allowance: Allowance = Allowance()

    def word_on(self, call: Call) -> CallRule | None:
        """The rule that decides: block before ask before allow."""
        fitting = [rule for rule in self.rules if rule.fits(call)]
        return next((rule for word in Word for rule in fitting if rule.word is word), None)


NO_TERMS = Terms()
"""The scopes alone."""


def is_open(windows: Iterable[Window], now: datetime) -> bool:
    """Whether calls may go out now."""
    listed = tuple(windows)
    return not listed or any(window.is_open(now) for window in listed)


def opens_at(windows: Iterable[Window], now: datetime) -> datetime | None:
    """The next minute at which one opens, within eight days."""
    listed = tuple(windows)
    start = now.replace(second=0, microsecond=0)
    minutes = (start + timedelta(minutes=step) for step in range(1, 8 * MINUTES_OF_DAY))
    return next((minute for minute in minutes if is_open(listed, minute)), None)


def closes_at(windows: Iterable[Window], now: datetime) -> datetime | None:
    """When the window that is open now closes; None without windows."""
    return max((window.ends_at(now) for window in windows if window.is_open(now)), default=None)
