"""`preflight` and `policy test`: files in, verdicts out, and a status that a job can branch on."""

import json
from datetime import UTC, datetime

import pytest

from stack_local.wire.policy import CallVerdict, Preflight, PreflightCalls, TermsDifference, TermsTrial, TryTerms
from tests.surfaces.test_cli_derived import AGENT
from tests.surfaces.test_cli_launch import FakeLaunch, run

CONNECTION = "scon_" + "0" * 22
UNTIL = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALLS = [{"service": "demo", "url": "https://api.example.com/a"}]


def verdict(word, **said):
    known = {"rule": None, "field": None, "message": None, "hint": None, "summary": None, "named_intent": None}
    return CallVerdict(method="GET", url="https://api.example.com/a", verdict=word, **(known | said))


@pytest.fixture
def launch(tmp_path):
    launch = FakeLaunch(tmp_path)
    passing = Preflight(passes=True, good_until=UNTIL, calls=[verdict("allow")])
    launch.appliance.answer(PreflightCalls, lambda _: passing)
    difference = TermsDifference(
        operation_id="opn_1",
        at=UNTIL,
        subject="POST api.example.com/a\x1b[2J",
        before="allow",
        after="deny",
        rule="grant_rule",
        message="blocked",
    )
    launch.appliance.answer(TryTerms, lambda _: TermsTrial(replayed=3, unreadable=1, differences=[difference]))
    return launch


def written(folder, value):
    file = folder / "given.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(file)


def test_calls_that_pass_are_0_and_say_until_when(launch, tmp_path):
    told = run(launch, "preflight", written(tmp_path, CALLS), "--agent", AGENT)
    assert told.exit_code == 0
    assert UNTIL.isoformat() in told.stdout
    assert launch.asked(PreflightCalls)[0].calls[0].service == "demo"


def test_a_call_that_would_wait_is_1_and_says_what_would_pass(launch, tmp_path):
    held = verdict("ask", rule="approval_required", message="a person would be asked", summary="Refund 12.00 EUR")
    denied = verdict("deny", rule="scope", message="no scope", hint="ask for it\x07")
    launch.appliance.answer(PreflightCalls, lambda _: Preflight(passes=False, good_until=None, calls=[held, denied]))
    told = run(launch, "preflight", written(tmp_path, CALLS), "--agent", AGENT)
    assert told.exit_code == 1
    assert "Refund 12.00 EUR" in told.stdout
    assert "ask for it" in told.stdout
    assert "\x07" not in told.stdout


def test_preflight_as_json_is_one_object(launch, tmp_path):
    told = run(launch, "preflight", written(tmp_path, CALLS), "--agent", AGENT, "--json")
    assert json.loads(told.stdout)["passes"] is True


@pytest.mark.parametrize("text", ["", "not json", "[1", "\x00"])
def test_a_file_that_is_no_json_is_7(launch, tmp_path, text):
    assert run(launch, "preflight", written(tmp_path, text), "--agent", AGENT).exit_code == 7
    assert launch.appliance.asked == []


def test_a_file_that_is_not_there_is_7(launch, tmp_path):
    assert run(launch, "preflight", str(tmp_path / "none.json"), "--agent", AGENT).exit_code == 7


def test_terms_are_tried_and_what_would_differ_is_shown(launch, tmp_path):
    terms = {"rules": [{"effect": "block", "when": [{"path": "method", "op": "eq", "value": "POST"}]}]}
    told = run(
        launch,
        "policy",
        "test",
        written(tmp_path, terms),
        "--agent",
        AGENT,
        "--connection",
        CONNECTION,
        "--limit",
        "50",
    )
    assert told.exit_code == 0
    assert "allow -> deny" in told.stdout
    assert "3 calls replayed, 1 no longer readable: 1 would differ" in told.stdout
    assert "\x1b" not in told.stdout
    asked = launch.asked(TryTerms)[0]
    assert (asked.limit, asked.terms.rules[0].effect) == (50, "block")
