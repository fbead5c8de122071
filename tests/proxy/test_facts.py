"""What the detectors are shown of a call."""

from dataclasses import replace

from stack_local.proxy.facts import detector_facts
from tests.domain.samples import CALL, CONNECTION, NOW


def test_a_detector_sees_where_a_call_goes_and_nothing_of_its_content() -> None:
    facts = detector_facts("agt_one", "ses_one", CONNECTION, CALL, NOW)
    assert (facts.provider, facts.method, facts.host, facts.path) == ("demo", "POST", "api.example.com", "/v1/things")
    assert facts.body_bytes == len(CALL.body or b"")
    assert facts.call_digest == CALL.digest
    assert facts.at_milliseconds == NOW.timestamp() * 1000
    assert detector_facts("a", "s", CONNECTION, replace(CALL, body=None), NOW).body_bytes == 0
