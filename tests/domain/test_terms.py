"""The terms of a grant: hours at their edges, the word of the rules in any order, and that more terms only tighten."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stack_local.domain.agents import Asks
from stack_local.domain.calls import Call
from stack_local.domain.constraints import Constraint, Op
from stack_local.domain.passports import Mode, ServiceScope
from stack_local.domain.policy import Allow, Facts, decide
from stack_local.domain.terms import (
    MINUTES_OF_DAY,
    NO_TERMS,
    CallRule,
    Period,
    Spent,
    Terms,
    Window,
    Word,
    closes_at,
    is_open,
    opens_at,
)
from stack_local.domain.urls import parse_url
from tests.domain.samples import AGENT, APPROVAL, CALL, CONNECTION, HERE, NOW, PASSPORT

EVERY_DAY = frozenset(range(7))
MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6


def on(day: int, clock: str) -> datetime:
    """A moment of the week that begins on Monday, 16 November 2026."""
    hours, minutes, seconds = (int(part) for part in f"{clock}:00".split(":")[:3])
    return datetime(2026, 11, 16, hours, minutes, seconds, tzinfo=UTC) + timedelta(days=day)


def window(start: str, end: str, *days: int, offset: int = 0) -> Window:
    first, last = (int(clock[:2]) * 60 + int(clock[3:]) for clock in (start, end))
    return Window(frozenset(days) or EVERY_DAY, first, last, offset)


OPEN: list[tuple[str, Window, datetime, bool]] = [
    ("its first minute", window("09:00", "17:00"), on(MONDAY, "09:00"), True),
    ("the second before", window("09:00", "17:00"), on(MONDAY, "08:59:59"), False),
    ("its last second", window("09:00", "17:00"), on(MONDAY, "16:59:59"), True),
    ("the minute of its end", window("09:00", "17:00"), on(MONDAY, "17:00"), False),
    ("one minute long", window("09:00", "09:01"), on(MONDAY, "09:00:59"), True),
    ("one minute long, over", window("09:00", "09:01"), on(MONDAY, "09:01"), False),
    ("the end of the day", window("22:00", "24:00"), on(MONDAY, "23:59:59"), True),
    ("the next day", window("22:00", "24:00"), on(MONDAY, "00:00"), False),
    ("the whole day", window("00:00", "24:00", MONDAY), on(MONDAY, "00:00"), True),
    ("the day after the whole day", window("00:00", "24:00", MONDAY), on(MONDAY + 1, "00:00"), False),
    ("another day", window("09:00", "17:00", MONDAY), on(FRIDAY, "10:00"), False),
    ("no day", Window(frozenset(), 0, MINUTES_OF_DAY), on(MONDAY, "10:00"), False),
    # 120 minutes east: 07:00 UTC is 09:00 there
    ("east of us, its first minute", window("09:00", "17:00", offset=120), on(MONDAY, "07:00"), True),
    ("east of us, over", window("09:00", "17:00", offset=120), on(MONDAY, "15:00"), False),
    ("east over midnight", window("00:00", "01:00", 1, offset=120), on(MONDAY, "22:30"), True),
    ("east over midnight, its own day", window("00:00", "01:00", 1, offset=120), on(1, "22:30"), False),
    ("west over midnight", window("20:00", "24:00", MONDAY, offset=-300), on(1, "04:59:59"), True),
    ("west over midnight, over", window("20:00", "24:00", MONDAY, offset=-300), on(1, "05:00"), False),
    ("east over the week", window("00:00", "02:00", MONDAY, offset=840), on(SUNDAY, "10:00"), True),
    ("west over the week", window("12:00", "24:00", SUNDAY, offset=-840), on(MONDAY + 7, "13:59:59"), True),
    ("half an hour off", window("09:00", "10:00", offset=330), on(MONDAY, "03:30"), True),
    ("half an hour off, before", window("09:00", "10:00", offset=330), on(MONDAY, "03:29:59"), False),
]


@pytest.mark.parametrize(("hours", "now", "expected"), [case[1:] for case in OPEN], ids=[case[0] for case in OPEN])
def test_a_window_is_open_from_its_first_minute_up_to_its_end(hours: Window, now: datetime, expected: bool) -> None:
    assert hours.is_open(now) is expected
    assert is_open([hours], now) is expected


def test_no_window_is_always_and_any_of_several_is_enough() -> None:
    assert is_open([], on(MONDAY, "03:00"))
    assert is_open([window("01:00", "02:00"), window("03:00", "04:00")], on(MONDAY, "03:00"))
    assert not is_open([window("01:00", "02:00"), window("04:00", "05:00")], on(MONDAY, "03:00"))


NIGHT = (window("22:00", "24:00"), window("00:00", "06:00"))
OPENS: list[tuple[str, tuple[Window, ...], datetime, datetime | None]] = [
    ("later today", (window("09:00", "17:00"),), on(MONDAY, "08:59:30"), on(MONDAY, "09:00")),
    ("tomorrow", (window("09:00", "17:00"),), on(MONDAY, "17:00"), on(1, "09:00")),
    ("over the weekend", (window("09:00", "17:00", 0, 1, 2, 3, 4),), on(FRIDAY, "18:00"), on(7, "09:00")),
    ("a week ahead", (window("09:00", "10:00", MONDAY),), on(MONDAY, "10:00"), on(7, "09:00")),
    ("the first of two", (window("12:00", "13:00"), window("10:00", "11:00")), on(0, "09:00"), on(0, "10:00")),
    ("east of us", (window("09:00", "10:00", 1, offset=600),), on(MONDAY, "12:00"), on(MONDAY, "23:00")),
    ("west of us", (window("20:00", "21:00", SUNDAY, offset=-720),), on(MONDAY, "07:59"), on(MONDAY, "08:00")),
    ("never", (Window(frozenset(), 0, MINUTES_OF_DAY),), on(MONDAY, "12:00"), None),
    ("without windows", (), on(MONDAY, "12:00"), None),
]


@pytest.mark.parametrize(("hours", "now", "at"), [case[1:] for case in OPENS], ids=[case[0] for case in OPENS])
def test_closed_hours_say_when_they_open(hours: tuple[Window, ...], now: datetime, at: datetime | None) -> None:
    assert opens_at(hours, now) == at


CLOSES: list[tuple[str, tuple[Window, ...], datetime, datetime | None]] = [
    ("today", (window("09:00", "17:00"),), on(MONDAY, "16:59:59"), on(MONDAY, "17:00")),
    ("at the end of the day", (window("09:00", "24:00"),), on(MONDAY, "12:00"), on(1, "00:00")),
    ("after the second of two", (window("09:00", "12:00"), window("11:00", "17:00")), on(0, "09:30"), on(0, "17:00")),
    ("a night that is two windows", NIGHT, on(MONDAY, "23:00"), on(1, "06:00")),
    ("at the end of the last day", (window("00:00", "24:00", FRIDAY, SATURDAY),), on(FRIDAY, "12:00"), on(6, "00:00")),
    ("east of us", (window("09:00", "17:00", offset=120),), on(MONDAY, "07:00"), on(MONDAY, "15:00")),
    ("west over midnight", (window("20:00", "23:00", offset=-300),), on(MONDAY, "01:30"), on(MONDAY, "04:00")),
    ("never", (window("00:00", "24:00"),), on(MONDAY, "12:00"), None),
    ("closed already", (window("09:00", "17:00"),), on(MONDAY, "18:00"), None),
    ("without windows", (), on(MONDAY, "12:00"), None),
]


@pytest.mark.parametrize(("hours", "now", "at"), [case[1:] for case in CLOSES], ids=[case[0] for case in CLOSES])
def test_open_hours_say_when_they_are_over(hours: tuple[Window, ...], now: datetime, at: datetime | None) -> None:
    assert closes_at(hours, now) == at


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start = draw(st.integers(0, MINUTES_OF_DAY - 1))
    end = draw(st.integers(start + 1, MINUTES_OF_DAY))
    return Window(draw(st.frozensets(st.integers(0, 6), min_size=1)), start, end, draw(st.integers(-840, 840)))


MOMENTS = st.integers(0, 7 * MINUTES_OF_DAY * 60 - 1).map(lambda seconds: on(0, "00:00") + timedelta(seconds=seconds))
SECOND = timedelta(seconds=1)


@given(st.lists(windows(), min_size=1, max_size=4), MOMENTS)
def test_hours_change_where_they_say_and_not_before(hours: list[Window], now: datetime) -> None:
    was_open = is_open(hours, now)
    turn = closes_at(hours, now) if was_open else opens_at(hours, now)
    if turn is None:
        assert all(is_open(hours, now + timedelta(hours=step)) for step in range(8 * 24))
        return
    assert is_open(hours, turn) is not was_open
    assert is_open(hours, turn - SECOND) is was_open
    ahead = int((turn - now).total_seconds() // 60)
    assert all(is_open(hours, now + timedelta(minutes=step)) is was_open for step in range(0, ahead, 7))


# the word of the rules

IS_GET = Constraint("method", Op.EQ, "GET")
IS_POST = Constraint("method", Op.EQ, "POST")
ON_THINGS = Constraint("url.pathname", Op.STARTS_WITH, "/v1/things")
ELSEWHERE = Constraint("url.pathname", Op.STARTS_WITH, "/admin")
LARGE = Constraint("body.count", Op.NOT_EQ, 1)
UNTRIED = Constraint("query.dry", Op.NOT_EQ, "1")
CONDITIONS = (IS_GET, IS_POST, ON_THINGS, ELSEWHERE, LARGE, UNTRIED)
RULES = st.builds(
    CallRule, st.sampled_from(Word), st.lists(st.sampled_from(CONDITIONS), max_size=2).map(tuple), st.sampled_from("ab")
)

GET = replace(CALL, method="GET", content_type=None, body=None)
ODD = replace(CALL, url=parse_url("https://api.example.com//v1/things"))
STREAMED = replace(CALL, body=None, is_streamed=True)
CALLS = (CALL, GET, ODD, STREAMED, replace(CALL, body=b'{"count":2}'), replace(CALL, content_type="text/plain"))


def word(rules: tuple[CallRule, ...], call: Call) -> Word | None:
    rule = Terms(rules=rules).word_on(call)
    return None if rule is None else rule.word


FITS: list[tuple[str, Call, tuple[Constraint, ...], bool, bool]] = [
    ("no condition", CALL, (), True, True),
    ("a condition that holds", CALL, (IS_POST,), True, True),
    ("one that does not", CALL, (IS_GET,), False, False),
    ("one of two", CALL, (IS_POST, ELSEWHERE), False, False),
    ("both", CALL, (IS_POST, ON_THINGS), True, True),
    ("an odd path", ODD, (ELSEWHERE,), True, False),
    ("an odd path of another method", ODD, (IS_GET, ELSEWHERE), False, False),
    ("a body that nobody saw", STREAMED, (LARGE,), True, False),
    ("no body", GET, (LARGE,), True, False),
    ("a body under another name", replace(CALL, content_type="text/plain"), (LARGE,), True, False),
    ("a query key that is there", CALL, (UNTRIED,), False, False),
    ("a query key that is missing", replace(CALL, url=parse_url("https://api.example.com/")), (UNTRIED,), True, False),
]


@pytest.mark.parametrize(
    ("call", "when", "tightens", "loosens"), [case[1:] for case in FITS], ids=[case[0] for case in FITS]
)
def test_a_rule_that_tightens_fits_what_may_be_meant_and_one_that_loosens_only_what_is(
    call: Call, when: tuple[Constraint, ...], tightens: bool, loosens: bool
) -> None:
    for said in Word:
        assert word((CallRule(said, when),), call) is (said if (loosens if said is Word.ALLOW else tightens) else None)


@pytest.mark.parametrize("order", list(permutations(Word)), ids=lambda order: " ".join(order))
def test_block_wins_over_ask_and_ask_over_allow_in_any_order(order: tuple[Word, ...]) -> None:
    rules = tuple(CallRule(said, ()) for said in order)
    for strictest in Word:
        assert word(rules, CALL) is strictest
        rules = tuple(rule for rule in rules if rule.word is not strictest)
    assert word(rules, CALL) is None


@given(st.lists(RULES, max_size=5).flatmap(lambda rules: st.tuples(st.just(rules), st.permutations(rules))))
def test_the_order_of_rules_never_changes_the_word(orders: tuple[list[CallRule], list[CallRule]]) -> None:
    for call in CALLS:
        assert word(tuple(orders[0]), call) is word(tuple(orders[1]), call)


def test_of_rules_with_one_word_the_first_that_fits_is_named() -> None:
    rules = (CallRule(Word.ASK, (IS_GET,), "a"), CallRule(Word.ASK, (IS_POST,), "b"), CallRule(Word.ASK, (), "c"))
    rule = Terms(rules=rules).word_on(CALL)
    assert rule is not None
    assert rule.note == "b"


# more terms only tighten

FACTS = Facts(
    now=NOW,
    vault_unlocked=True,
    anchor_fresh=True,
    chain=(PASSPORT,),
    agents=(AGENT,),
    connection=CONNECTION,
    granted=frozenset({"read", "write"}),
    declared=frozenset(),
    call=CALL,
)
TERMS = st.builds(
    Terms,
    constraints=st.lists(st.sampled_from(CONDITIONS), max_size=2).map(tuple),
    rules=st.lists(RULES, max_size=3).map(tuple),
    windows=st.lists(windows(), max_size=1).map(tuple),
)
ALL_FACTS = st.builds(
    lambda call, asks, mode, approved, terms: replace(
        FACTS,
        call=call,
        agents=(replace(AGENT, asks=asks),),
        chain=(replace(PASSPORT, mode=mode),),
        approval_id=APPROVAL.id if approved else None,
        approval=APPROVAL if approved else None,
        terms=terms,
    ),
    st.sampled_from(CALLS),
    st.sampled_from(Asks),
    st.sampled_from(Mode),
    st.booleans(),
    TERMS,
)


def with_constraint(facts: Facts, draw: Callable[[Any], Any]) -> Facts:
    more = draw(st.sampled_from(CONDITIONS))
    return replace(facts, terms=replace(facts.terms, constraints=(*facts.terms.constraints, more)))


def with_carried_constraint(facts: Facts, draw: Callable[[Any], Any]) -> Facts:
    more = ServiceScope(HERE, frozenset({"read", "write"}), (draw(st.sampled_from(CONDITIONS)),))
    return replace(facts, chain=(replace(facts.passport, services=(more,)),))


def with_rule(facts: Facts, draw: Callable[[Any], Any]) -> Facts:
    more = replace(draw(RULES), word=draw(st.sampled_from((Word.BLOCK, Word.ASK))))
    at = draw(st.integers(0, len(facts.terms.rules)))
    rules = facts.terms.rules
    return replace(facts, terms=replace(facts.terms, rules=(*rules[:at], more, *rules[at:])))


def with_hours(facts: Facts, draw: Callable[[Any], Any]) -> Facts:
    assume(not facts.terms.windows)
    return replace(facts, terms=replace(facts.terms, windows=(draw(windows()),)))


def with_allowance(facts: Facts, draw: Callable[[Any], Any]) -> Facts:
    return replace(facts, spent=(Spent("grant", draw(st.sampled_from(Period)), 1, 1),))


@pytest.mark.parametrize(
    "tighten",
    [with_constraint, with_carried_constraint, with_rule, with_hours, with_allowance],
    ids=lambda f: f.__name__,
)
def test_more_terms_never_let_out_what_was_refused_or_held(
    tighten: Callable[[Facts, Callable[[Any], Any]], Facts],
) -> None:
    @given(ALL_FACTS, st.data())
    def holds(facts: Facts, data: st.DataObject) -> None:
        after = decide(tighten(facts, data.draw))
        if isinstance(after, Allow):
            before = decide(facts)
            assert isinstance(before, Allow)
            # A rule that asks may spend an approval that was not needed before; none lets a needed one be.
            assert before.approval in (None, after.approval)

    holds()


@given(ALL_FACTS)
def test_the_scopes_alone_let_out_no_less_than_any_terms_but_the_rules_that_spare(facts: Facts) -> None:
    assume(all(rule.word is not Word.ALLOW for rule in facts.terms.rules))
    if isinstance(decide(facts), Allow):
        assert isinstance(decide(replace(facts, terms=NO_TERMS)), Allow)
