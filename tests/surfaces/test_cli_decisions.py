"""`pending`, `approve`, `reject`: a yes is bound to the id and the digest of what was shown."""

import json
import re

import pytest

from stack_local.domain.approvals import Status
from stack_local.domain.errors import NotFound
from stack_local.surfaces.cli.cards import MAX_TEXT, card
from stack_local.surfaces.cli.layout import columns
from stack_local.wire.decisions import (
    ApproveDecision,
    GetDecision,
    ListPendingDecisions,
    PendingDecision,
    PendingDecisions,
    RejectDecision,
)
from stack_local.wire.intents import (
    ApproveIntent,
    ExactCall,
    GetIntentApproval,
    IntentApproval,
    ListIntents,
    PendingIntents,
    RejectIntent,
    SendBackIntent,
    Simulation,
)
from tests.surfaces.test_cli_launch import LATER, FakeLaunch, run
from tests.surfaces.test_cli_printable import HOSTILE, is_harmless

DIGEST = "ab" * 32
OTHER_DIGEST = "cd" * 32


def approval_id(number: int) -> str:
    return f"apr_{number:022d}"


def call(number: int) -> IntentApproval:
    """A pending call; the last four characters of its id are its number."""
    exact = ExactCall(
        service="custom_demo",
        connection_id="scon_x",
        label="demo (me)",
        method="POST",
        url="https://api.example.test/v1/pay?to=bob",
        host="api.example.test",
        path="/v1/pay",
        query="to=bob",
        headers={"X-Kind": "gift"},
        content_type="application/json",
        body='{"amount": 5}',
        body_bytes=13,
        body_sha256="ef" * 32,
        digest=DIGEST,
    )
    return IntentApproval(
        id=approval_id(number),
        approval_id=approval_id(number),
        intent_claim_id="pc_x",
        agent_id="agt_x",
        agent_name="shopper",
        session_id="ses_x",
        status="pending",
        call=exact,
        original_digest=None,
        reason="the person asked for it",
        simulation=None,
        notes=None,
        submitted_at=LATER,
        expires_at=LATER,
        decided_at=None,
        decided_by=None,
        breadth="once",
        uses_left=1,
        operation_id=None,
        identical_call_at=None,
        last_similar=None,
    )


def change(number: int) -> PendingDecision:
    """A pending change of a control."""
    return PendingDecision(
        id=approval_id(number),
        operation="grant_agent_access",
        summary="let shopper use demo",
        arguments={"agent_id": "agt_x", "scopes": ["read"]},
        asked_by="key_x",
        status="pending",
        submitted_at=LATER,
        expires_at=LATER,
        decided_at=None,
        decided_by=None,
        notes=None,
        result=None,
    )


class Queue:
    """The decisions that wait at a simulated appliance, and what became of them."""

    def __init__(self, launch: FakeLaunch, *waiting: IntentApproval | PendingDecision) -> None:
        self.waiting = {item.id: item for item in waiting}
        answers = launch.appliance.answer
        answers(ListIntents, self._calls)
        answers(ListPendingDecisions, lambda _: PendingDecisions(items=self._of(PendingDecision)))
        answers(GetIntentApproval, lambda asked: self._get(asked.approval_id, IntentApproval))
        answers(GetDecision, lambda asked: self._get(asked.approval_id, PendingDecision))
        for kind, status in (
            (ApproveIntent, "approved"),
            (RejectIntent, "rejected"),
            (SendBackIntent, "expired"),
            (ApproveDecision, "approved"),
            (RejectDecision, "rejected"),
        ):
            answers(kind, lambda asked, status=status: self._decide(asked.approval_id, status))

    def _calls(self, asked: ListIntents) -> PendingIntents:
        items = self._of(IntentApproval)
        return PendingIntents(items=items[(asked.page - 1) * asked.limit : asked.page * asked.limit])

    def _of(self, kind: type) -> list:
        return [item for item in self.waiting.values() if isinstance(item, kind) and item.status == "pending"]

    def _get(self, asked: str, kind: type):
        item = self.waiting.get(asked)
        if not isinstance(item, kind):
            raise NotFound("there is no such approval")
        return item

    def _decide(self, asked: str, status: str):
        self.waiting[asked] = self.waiting[asked].model_copy(update={"status": Status(status)})
        return self.waiting[asked]


@pytest.fixture
def launch(tmp_path):
    return FakeLaunch(tmp_path)


def test_pending_shows_calls_and_changes(launch):
    Queue(launch, call(1), change(2))
    told = run(launch, "pending").stdout
    assert re.search(rf"{approval_id(1)}\s+shopper\s+POST api\.example\.test/v1/pay", told)
    assert re.search(rf"{approval_id(2)}\s+key_x\s+grant_agent_access", told)


def test_pending_in_json_keeps_the_two_kinds_apart(launch):
    Queue(launch, call(1), change(2))
    told = json.loads(run(launch, "pending", "--json").stdout)
    assert [item["id"] for item in told["intents"]] == [approval_id(1)]
    assert [item["id"] for item in told["decisions"]] == [approval_id(2)]


def test_pending_turns_every_page(launch):
    Queue(launch, *(call(number) for number in range(250)))
    assert len(json.loads(run(launch, "pending", "--json").stdout)["intents"]) == 250


def test_nothing_pending_is_none(launch):
    Queue(launch)
    assert run(launch, "pending").stdout == "none\n"


def test_approving_shows_the_call_and_binds_id_and_digest(launch):
    Queue(launch, call(1))
    told = run(launch, "approve", approval_id(1), terminal=True, stdin="0001\n")
    assert told.exit_code == 0
    assert launch.asked(ApproveIntent) == [ApproveIntent(approval_id=approval_id(1), digest=DIGEST, notes=None)]
    for shown in (
        "shopper",
        "POST",
        "api.example.test",
        "/v1/pay",
        "to=bob",
        "X-Kind",
        "gift",
        '{"amount": 5}',
        DIGEST,
    ):
        assert shown in told.stderr


@pytest.mark.parametrize("typed", ["\n", "y\n", "yes\n", "0002\n", approval_id(1) + "\n"])
def test_anything_but_the_end_of_the_id_is_no(launch, typed):
    Queue(launch, call(1))
    assert run(launch, "approve", approval_id(1), terminal=True, stdin=typed).exit_code == 3
    assert launch.asked(ApproveIntent) == []


def test_an_end_of_input_is_no(launch):
    Queue(launch, call(1))
    assert run(launch, "approve", approval_id(1), terminal=True).exit_code == 130
    assert launch.asked(ApproveIntent) == []


def test_without_a_terminal_approving_needs_yes_and_the_digest(launch):
    Queue(launch, call(1))
    assert run(launch, "approve", approval_id(1), stdin="0001\n").exit_code == 2
    assert run(launch, "approve", approval_id(1), "--yes").exit_code == 7
    assert run(launch, "approve", approval_id(1), "--yes", "--digest", OTHER_DIGEST).exit_code == 3
    assert launch.asked(ApproveIntent) == []
    told = run(launch, "approve", approval_id(1), "--yes", "--digest", DIGEST, "--notes", "fine", "--json")
    assert json.loads(told.stdout)["status"] == "approved"
    assert launch.asked(ApproveIntent) == [ApproveIntent(approval_id=approval_id(1), digest=DIGEST, notes="fine")]


def test_a_change_of_controls_has_no_digest(launch):
    Queue(launch, change(2))
    assert run(launch, "approve", approval_id(2), "--yes", "--digest", DIGEST).exit_code == 7
    assert launch.asked(ApproveDecision) == []
    assert run(launch, "approve", approval_id(2), "--yes").exit_code == 0
    assert launch.asked(ApproveDecision) == [ApproveDecision(approval_id=approval_id(2), notes=None)]


def test_a_call_whose_bytes_are_gone_is_shown_as_such_and_never_approved(launch):
    Queue(launch, call(1).model_copy(update={"call": None}))
    told = run(launch, "approve", approval_id(1), terminal=True, stdin="0001\n")
    assert told.exit_code == 3
    assert "shredded" in told.stderr
    assert launch.asked(ApproveIntent) == []
    assert "shredded" in run(launch, "pending").stdout


@pytest.mark.parametrize("verb", ["approve", "reject"])
@pytest.mark.parametrize(("name", "status"), [(approval_id(9), 6), ("apr_x", 7), ("../x", 7)])
def test_an_id_that_names_nothing_is_refused(launch, verb, name, status):
    Queue(launch, call(1))
    assert run(launch, verb, name, terminal=True, stdin="0009\n").exit_code == status


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_what_no_longer_waits_is_not_asked_about(launch, verb):
    Queue(launch, call(1).model_copy(update={"status": Status.EXPIRED}))
    assert run(launch, verb, approval_id(1), terminal=True).exit_code == 3
    assert launch.asked(ApproveIntent) == launch.asked(RejectIntent) == []


def test_rejecting_a_call_may_block_its_agent(launch):
    Queue(launch, call(1))
    assert run(launch, "reject", approval_id(1), "--notes", "no", "--block-future", "--json").exit_code == 0
    assert launch.asked(RejectIntent) == [RejectIntent(approval_id=approval_id(1), notes="no", block_future=True)]


def test_rejecting_a_change_blocks_nobody(launch):
    Queue(launch, change(2))
    assert run(launch, "reject", approval_id(2), "--block-future").exit_code == 7
    assert run(launch, "reject", approval_id(2)).exit_code == 0
    assert launch.asked(RejectDecision) == [RejectDecision(approval_id=approval_id(2), notes=None)]


def hostile_call() -> IntentApproval:
    item = call(1)
    exact = item.call.model_copy(
        update={
            **dict.fromkeys(("label", "method", "host", "path", "query", "content_type"), HOSTILE),
            "body": f"{HOSTILE}\n  id            apr_fake\n" + "x" * 10_000,
            "headers": {HOSTILE: HOSTILE},
        }
    )
    simulation = Simulation(
        allowed=True,
        needs_approval=True,
        denial_reasons=[],
        simulated_cost=None,
        predicted_detector_fires=[HOSTILE],
        simulated_at=LATER,
        claim_id=None,
        diagnostics={},
    )
    return item.model_copy(
        update={"call": exact, "reason": HOSTILE * 5, "agent_name": HOSTILE, "simulation": simulation}
    )


def hostile_change() -> PendingDecision:
    return change(2).model_copy(update={"summary": HOSTILE, "asked_by": HOSTILE, "arguments": {HOSTILE: [HOSTILE]}})


@pytest.mark.parametrize("item", [hostile_call(), hostile_change()], ids=["call", "change"])
@pytest.mark.parametrize("width", [80, 120])
def test_a_hostile_card_is_harmless_and_never_wraps_by_itself(item, width):
    shown = list(card(item, width=width))
    assert is_harmless("\n".join(shown))
    assert all(columns(line) <= width for line in shown)


def test_a_body_cannot_imitate_the_card():
    fake = [line for line in card(hostile_call(), width=80) if "apr_fake" in line]
    assert fake
    assert all(line.startswith("    │ ") for line in fake)


def test_a_long_body_is_cut_and_says_so():
    shown = list(card(hostile_call(), width=80))
    assert any("more characters" in line for line in shown)
    assert sum(line.count("x") for line in shown) < MAX_TEXT + 500


def test_the_reason_is_said_to_be_the_agents():
    shown = list(card(call(1), width=80))
    place = shown.index("  reason, in the agent's own words and not checked:")
    assert shown[place + 1] == "    │ the person asked for it"


def test_a_call_without_encryption_and_one_that_would_be_refused_are_warned_of():
    item = call(1)
    plain = item.call.model_copy(update={"url": "http://10.0.0.7/things"})
    dry_run = hostile_call().simulation.model_copy(update={"allowed": False})
    text = "\n".join(card(item.model_copy(update={"call": plain, "simulation": dry_run}), width=80))
    assert "http://10.0.0.7/things" in text
    assert "warning: not encrypted on the way" in text
    assert "warning: the dry run says this call would be refused" in text
    assert "not encrypted" not in "\n".join(card(item, width=80))


def test_an_edited_and_a_repeated_call_are_warned_of():
    item = call(1).model_copy(update={"original_digest": OTHER_DIGEST, "identical_call_at": LATER})
    assert sum("warning: " in line for line in card(item, width=80)) == 2


def test_hostile_decisions_in_a_list_are_harmless(launch):
    Queue(launch, hostile_call(), hostile_change())
    for flags in ([], ["--json"]):
        assert is_harmless(run(launch, "pending", *flags).output)
