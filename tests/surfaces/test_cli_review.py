"""`review`: one decision after another; a yes needs the end of the id, everything else decides nothing by accident."""

import pytest

from stack_local.domain.errors import Conflict, Locked
from stack_local.wire.decisions import ApproveDecision, RejectDecision
from stack_local.wire.intents import ApproveIntent, RejectIntent, SendBackIntent
from tests.surfaces.test_cli_decisions import DIGEST, Queue, approval_id, call, change
from tests.surfaces.test_cli_launch import FakeLaunch, run


@pytest.fixture
def launch(tmp_path):
    return FakeLaunch(tmp_path)


def review(launch, *typed: str):
    return run(launch, "review", terminal=True, stdin="".join(f"{line}\n" for line in typed))


def decided(launch) -> list:
    kinds = (ApproveIntent, RejectIntent, SendBackIntent, ApproveDecision, RejectDecision)
    return [request for request in launch.appliance.asked if isinstance(request, kinds)]


def test_nothing_waits(launch):
    Queue(launch)
    told = review(launch)
    assert told.exit_code == 0
    assert "nothing more waits" in told.stdout


def test_each_decision_comes_once_and_is_decided_as_typed(launch):
    Queue(launch, call(1), call(2), call(3), call(4), change(5), change(6))
    told = review(launch, "a", "0001", "s", "smaller", "r", "never", "n", "a", "0005", "r", "")
    assert told.exit_code == 0
    assert decided(launch) == [
        ApproveIntent(approval_id=approval_id(1), digest=DIGEST, notes=None),
        SendBackIntent(approval_id=approval_id(2), notes="smaller"),
        RejectIntent(approval_id=approval_id(3), notes="never", block_future=False),
        ApproveDecision(approval_id=approval_id(5), notes=None),
        RejectDecision(approval_id=approval_id(6), notes=None),
    ]
    assert told.stdout.splitlines()[-1] == "2 approved, 1 sent back, 2 rejected"


ACCIDENTS = [
    ("enter", [""]),
    ("a yes", ["y"]),
    ("a word", ["approve", "reject"]),
    ("pasted text", ["rm -rf", "sudo", "ab"]),
    ("the wrong end", ["a", "0002"]),
    ("an empty confirmation", ["a", ""]),
    ("a yes as confirmation", ["a", "y"]),
]


@pytest.mark.parametrize("typed", [case[1] for case in ACCIDENTS], ids=[case[0] for case in ACCIDENTS])
def test_an_accident_decides_nothing(launch, typed):
    Queue(launch, call(1))
    told = review(launch, *typed, "q")
    assert told.exit_code == 0
    assert decided(launch) == []
    assert told.stdout.splitlines()[-1] == "nothing was decided"


def test_after_an_accident_the_same_decision_is_asked_again(launch):
    Queue(launch, call(1))
    review(launch, "a", "9999", "a", "0001")
    assert len(decided(launch)) == 1


def test_a_change_cannot_be_sent_back(launch):
    Queue(launch, change(1))
    review(launch, "s", "q")
    assert decided(launch) == []


def test_quitting_leaves_the_rest(launch):
    Queue(launch, call(1), call(2))
    review(launch, "q")
    assert decided(launch) == []


def test_an_end_of_input_decides_nothing_and_is_130(launch):
    Queue(launch, call(1))
    assert review(launch, "a").exit_code == 130
    assert decided(launch) == []


def test_a_decision_that_comes_meanwhile_is_shown_too(launch):
    queue = Queue(launch, call(1))

    def approve_and_submit(asked: ApproveIntent):
        queue.waiting.setdefault(approval_id(2), call(2))
        return queue._decide(asked.approval_id, "approved")

    launch.appliance.answer(ApproveIntent, approve_and_submit)
    review(launch, "a", "0001", "a", "0002")
    assert [request.approval_id for request in decided(launch)] == [approval_id(1), approval_id(2)]


def test_one_refusal_does_not_end_the_review(launch):
    Queue(launch, call(1), call(2))

    def expired(_request):
        raise Conflict("it has expired", hint="the agent may ask again")

    launch.appliance.answer(ApproveIntent, expired)
    told = review(launch, "a", "0001", "r", "")
    assert told.exit_code == 0
    assert "error: it has expired" in told.stderr
    assert [type(request) for request in decided(launch)] == [ApproveIntent, RejectIntent]


def test_a_lock_ends_the_review(launch):
    Queue(launch, call(1), call(2))

    def locked(_request):
        raise Locked("the vault is locked")

    launch.appliance.answer(ApproveIntent, locked)
    assert review(launch, "a", "0001").exit_code == 8


def test_without_a_terminal_there_is_no_review(launch):
    Queue(launch, call(1))
    assert run(launch, "review", stdin="a\n0001\n").exit_code == 2
    assert launch.appliance.asked == []


def test_the_call_is_on_stdout_and_the_questions_on_stderr(launch):
    Queue(launch, call(1))
    told = review(launch, "q")
    assert DIGEST in told.stdout
    assert "[a]pprove once" in told.stderr
