"""The terms of a grant: what narrows it beyond its scopes, and when a person is asked whatever the agent says."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stack_local.domain.call_reading import Reading
from stack_local.domain.calls import Call
from stack_local.domain.constraints import Constraint

MINUTES_OF_DAY = 24 * 60

AHEAD = timedelta(days=8)
"""How far hours are looked ahead: they repeat with the week."""


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

    def fits(self, call: Reading) -> bool:
        """Whether the rule is about this call; one that tightens is, wherever some reader of the call could find so."""
        if self.word is Word.ALLOW:
            return all(condition.holds(call) for condition in self.when)
        return all(condition.may_hold(call) for condition in self.when)


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
        return self._midnight(now) + timedelta(minutes=self.to_minute)

    def begins_after(self, now: datetime) -> datetime | None:
        """When it opens next; None where it has no day."""
        first = self._midnight(now) + timedelta(minutes=self.from_minute)
        weekday = (now + timedelta(minutes=self.utc_offset_minutes)).weekday()
        days = (day for day in range(AHEAD.days) if (weekday + day) % 7 in self.days)
        return next((begin for day in days if (begin := first + timedelta(days=day)) > now), None)

    def _midnight(self, now: datetime) -> datetime:
        """At which the day began there."""
        local = now + timedelta(minutes=self.utc_offset_minutes)
        return now - timedelta(
            hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )


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
        reading = Reading(call)
        fitting = [rule for rule in self.rules if rule.fits(reading)]
        return next((rule for word in Word for rule in fitting if rule.word is word), None)


NO_TERMS = Terms()
"""The scopes alone."""


def is_open(windows: Iterable[Window], now: datetime) -> bool:
    """Whether calls may go out now."""
    listed = tuple(windows)
    return not listed or any(window.is_open(now) for window in listed)


def opens_at(windows: Iterable[Window], now: datetime) -> datetime | None:
    """When one opens next; None where none ever does."""
    begins = (window.begins_after(now) for window in windows)
    return min((begin for begin in begins if begin is not None), default=None)


def closes_at(windows: Iterable[Window], now: datetime) -> datetime | None:
    """When the hours that are open now are over, windows that follow each other taken together; None: not foreseen."""
    listed = tuple(windows)
    end = now
    while end - now < AHEAD:
        later = max((window.ends_at(end) for window in listed if window.is_open(end)), default=None)
        if later is None:
            return None if end == now else end
        end = later
    return None
