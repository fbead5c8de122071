"""Operator sessions: who is live, and what ends one."""

from datetime import timedelta

import pytest

from stack_local.vault.sessions import MAX_SESSIONS, PREFIX, Sessions
from tests.simulators.clock import TestSystem

IDLE, TOTAL = 900, 3600


@pytest.fixture
def system() -> TestSystem:
    return TestSystem()


@pytest.fixture
def sessions(system: TestSystem) -> Sessions:
    return Sessions(system, idle_seconds=IDLE, total_seconds=TOTAL)


def test_a_token_stands_for_one_session_and_says_when_it_ends(sessions: Sessions, system: TestSystem) -> None:
    (one, ends_at), (other, _) = sessions.begin(), sessions.begin()
    assert one.reveal().startswith(PREFIX)
    assert ends_at == system.now() + timedelta(seconds=TOTAL)
    assert sessions.find(one.reveal()) not in (None, sessions.find(other.reveal()))
    assert sessions.find(one.reveal() + "x") is None


def test_use_keeps_it_alive_until_its_whole_time_is_over(sessions: Sessions, system: TestSystem) -> None:
    token, _ = sessions.begin()
    for _ in range(TOTAL // (IDLE - 1)):
        system.advance(IDLE - 1)
        assert sessions.find(token.reveal()) is not None
    system.advance(IDLE - 1)
    assert sessions.find(token.reveal()) is None


def test_one_that_is_not_used_ends(sessions: Sessions, system: TestSystem) -> None:
    token, _ = sessions.begin()
    system.advance(IDLE)
    assert sessions.find(token.reveal()) is None


def test_one_ends_and_the_others_go_on(sessions: Sessions) -> None:
    (one, _), (other, _) = sessions.begin(), sessions.begin()
    ended = sessions.find(one.reveal())
    assert ended is not None
    sessions.end(ended)
    assert sessions.find(one.reveal()) is None
    assert sessions.find(other.reveal()) is not None


def test_the_lock_ends_all(sessions: Sessions) -> None:
    tokens = [sessions.begin()[0] for _ in range(3)]
    sessions.end_all()
    assert [sessions.find(token.reveal()) for token in tokens] == [None] * 3


def test_the_oldest_goes_when_there_are_too_many(sessions: Sessions) -> None:
    tokens = [sessions.begin()[0].reveal() for _ in range(MAX_SESSIONS + 1)]
    assert sessions.find(tokens[0]) is None
    assert None not in [sessions.find(token) for token in tokens[1:]]


def test_whether_a_session_goes_on_can_be_asked_without_keeping_it_alive(
    sessions: Sessions, system: TestSystem
) -> None:
    token, _ = sessions.begin()
    session_id = sessions.find(token.reveal())
    assert session_id is not None
    for _ in range(IDLE - 1):
        system.advance(1)
        assert sessions.is_live(session_id)
    system.advance(1)
    assert (sessions.is_live(session_id), sessions.is_live("ses_another")) == (False, False)


def test_an_ended_session_does_not_go_on(sessions: Sessions) -> None:
    token, _ = sessions.begin()
    session_id = sessions.find(token.reveal())
    assert session_id is not None
    sessions.end(session_id)
    assert not sessions.is_live(session_id)
