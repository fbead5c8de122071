"""What the demo's model does next, from what it has seen."""

import json

import pytest

from stack_local.demo.errands import (
    AGAIN,
    ARCHIVE,
    GO_ON,
    LIST_SERVICES,
    LOOK,
    MAX_LOOKS,
    PROXY,
    READ,
    SEND,
    SUBMIT,
    WAITING,
    CallTool,
    Errand,
    Result,
    Said,
    Say,
    Turn,
    next_step,
)

CONNECTION = {
    "id": "scon_1",
    "provider": "custom_chat",
    "name": "chat",
    "description": None,
    "account": None,
    "status": "connected",
    "hosts": ["127.0.0.1:9"],
    "injection": {"style": "bearer", "name": None, "template": None},
    "scopes": ["read", "write"],
    "asks_everything": False,
    "verification": "never",
    "verified_at": None,
    "version": 1,
    "credential_version": 1,
    "connected_by": "session:ses_1",
    "connected_at": "2026-11-22T12:00:00Z",
}
SERVICE = {
    "id": "custom_chat",
    "provider": "custom_chat",
    "name": "chat",
    "description": "",
    "available": True,
    "connected": True,
    "connections": [CONNECTION],
}
REFUSAL = 'the passport is revoked\n{"error": {"message": "the passport is revoked", "code": "PASSPORT_REVOKED"}}'


def _result(tool: str, **tree: object) -> Result:
    return Result(tool, json.dumps(tree))


LISTED = _result(LIST_SERVICES, items=[SERVICE])
SUBMITTED = _result(SUBMIT, approval_id="apr_1", status="pending")
PENDING = _result(LOOK, status="pending")
APPROVED = _result(LOOK, status="approved")
SENT = _result(PROXY, status=201)


def _asked(errand: Errand) -> list[Turn]:
    return [Said(errand.words), LISTED]


STEPS: tuple[tuple[str, list[Turn], str], ...] = (
    ("it finds the service first", [Said(SEND.words)], LIST_SERVICES),
    ("it reads without asking", _asked(READ), PROXY),
    ("it asks before a write", _asked(SEND), SUBMIT),
    ("it follows what it asked", [*_asked(SEND), SUBMITTED], LOOK),
    ("it looks again while nobody has decided", [*_asked(SEND), SUBMITTED, PENDING], LOOK),
    ("it calls after a yes", [*_asked(SEND), SUBMITTED, APPROVED], PROXY),
    ("it looks on when told to go on", [*_asked(SEND), SUBMITTED, *[PENDING] * MAX_LOOKS, Said(GO_ON)], LOOK),
    ("it repeats without asking", [*_asked(SEND), SUBMITTED, APPROVED, SENT, Said(AGAIN.words)], PROXY),
    ("it knows the service later", [*_asked(SEND), SUBMITTED, APPROVED, SENT, Said(ARCHIVE.words)], SUBMIT),
)


@pytest.mark.parametrize(("name", "turns", "tool"), STEPS, ids=[name for name, _, _ in STEPS])
def test_the_next_tool(name: str, turns: list[Turn], tool: str) -> None:
    step = next_step(turns)
    assert isinstance(step, CallTool)
    assert step.tool == tool


ANSWERS: tuple[tuple[str, list[Turn], str], ...] = (
    ("it comes back before its turns are used up", [*_asked(SEND), SUBMITTED, *[PENDING] * MAX_LOOKS], WAITING),
    ("it stops at a no", [*_asked(SEND), SUBMITTED, _result(LOOK, status="rejected")], "rejected"),
    ("it stops when nobody decided in time", [*_asked(SEND), SUBMITTED, _result(LOOK, status="expired")], "expired"),
    ("it stops at a refusal", [*_asked(READ), Result(PROXY, REFUSAL)], "PASSPORT_REVOKED"),
    ("it stops where it cannot see the services", [Said(READ.words), Result(LIST_SERVICES, REFUSAL)], "REVOKED"),
    ("it stops at an answer it cannot read", [*_asked(READ), Result(PROXY, "timed out")], "NO_ANSWER"),
    ("it says what the service answered", [*_asked(SEND), SUBMITTED, APPROVED, SENT], "201"),
    ("it does nothing else", [Said("Delete everything.")], "only"),
)


@pytest.mark.parametrize(("name", "turns", "word"), ANSWERS, ids=[name for name, _, _ in ANSWERS])
def test_the_answer(name: str, turns: list[Turn], word: str) -> None:
    step = next_step(turns)
    assert isinstance(step, Say)
    assert word in step.words


def test_the_call_after_a_yes_is_the_one_that_was_asked_for() -> None:
    asked = next_step(_asked(SEND))
    called = next_step([*_asked(SEND), SUBMITTED, APPROVED])
    assert isinstance(asked, CallTool)
    assert isinstance(called, CallTool)
    claim = asked.arguments["intent"]
    assert isinstance(claim, dict)
    target = claim["target"]
    assert isinstance(target, dict)
    assert called.arguments == {**target, "body": SEND.body, "approval_id": "apr_1"}
