"""Tests of a call in plain words."""

from datetime import timedelta

import pytest

from stack_local.domain.approvals import Breadth
from tests.tui.world import NOW, call, intent, simulation
from tui.calls import in_words, indented, verdict_in_words, warnings, will_happen
from tui.pending import AskedCall


def asked(**changes: object) -> AskedCall:
    approval = intent(**changes)  # type: ignore[arg-type]  # the table of a test
    assert approval.call is not None
    return AskedCall(approval, approval.call)


def test_a_call_reads_as_a_sentence() -> None:
    words = in_words(call(query="a=1", path="/repos/x"))
    assert words.plain == "POST to api.github.com · path /repos/x · query a=1 · JSON body 71 bytes"


def test_a_call_without_a_body_says_so() -> None:
    assert in_words(call(body=None, content_type=None)).plain.endswith("no body")


def test_indenting_touches_no_character_of_the_json() -> None:
    text = '{"a":"x, {y} \\" z","b":[1.00,{}]}'
    assert indented(text).split("\n")[1] == '  "a": "x, {y} \\" z",'
    assert "".join(part.strip() for part in indented(text).replace(": ", ":").split("\n")) == text


def test_a_deep_nest_stays_small() -> None:
    assert len(indented("[" * 20_000)) < 600_000


def test_the_dry_run_is_told() -> None:
    assert verdict_in_words(None).plain == "not simulated"
    assert verdict_in_words(simulation()).plain == "would go out after your yes"
    refused = simulation(allowed=False, denial_reasons=["host_not_bound"])
    assert verdict_in_words(refused).plain == "would be refused: host_not_bound"


def test_what_should_not_be_overlooked_is_warned_of() -> None:
    risky = asked(
        call=call(url="http://10.0.0.5/x"),
        identical_call_at=NOW - timedelta(seconds=12),
        simulation=simulation(allowed=False),
    )
    assert [line.plain for line in warnings(risky, NOW)] == [
        "an identical call ran 12 s ago",
        "not encrypted on the way: plain http",
        "the dry run says this call would be refused",
    ]
    assert warnings(asked(), NOW) == []


@pytest.mark.parametrize(
    ("breadth", "words"),
    [
        (Breadth.ONCE, "one time, within 15 minutes from now."),
        (Breadth.USES, "up to 3 times, then has to ask again."),
        (Breadth.TIME, "any number of times, for 3 min."),
        (Breadth.SESSION, "any number of times, until its session ends (24 hours at most)."),
    ],
)
def test_the_sentence_names_the_bound(breadth: Breadth, words: str) -> None:
    sentence = will_happen(asked(), breadth, NOW, uses=3, minutes=3).plain
    assert sentence == f"release-bot may send exactly this POST api.github.com {words}"
