"""What the record of a call that is let out says of why."""

from dataclasses import replace

from stack_local.domain.actions import ServiceRules
from stack_local.domain.policy import Allow
from stack_local.proxy.admission import said_of
from stack_local.proxy.facts import Draft
from stack_local.store.proxy import DISPATCHING, OperationRow
from tests.domain.samples import AGENT, CALL, CONNECTION, NOW, PASSPORT
from tests.domain.test_policy import READING

ROW = OperationRow(
    id="opn_one",
    agent_id=AGENT.id,
    passport_jti=PASSPORT.jti,
    asked_by="key:key_one",
    connection_id=CONNECTION.id,
    approval_id=None,
    digest=CALL.digest,
    is_write=False,
    trace_id="trc_one",
    subject="GET api.example.com/v1/things",
    state=DISPATCHING,
    created_at=NOW,
)
DRAFT = Draft(service="demo", method="GET", url=CALL.url.text)


def test_a_plain_call_says_its_service_and_its_operation_alone() -> None:
    assert said_of(READING, ROW, Allow(), DRAFT) == {"service": "demo", "operation_id": "opn_one"}


def test_an_id_on_a_call_that_needed_none_is_recorded_as_ignored() -> None:
    said = said_of(READING, ROW, Allow(), replace(DRAFT, approval_id="apr_one"))
    assert said["ignored_approval_id"] == "apr_one"
    spent = said_of(READING, replace(ROW, approval_id="apr_one"), Allow(), replace(DRAFT, approval_id="apr_one"))
    assert (spent["approval_id"], "ignored_approval_id" in spent) == ("apr_one", False)


def test_what_would_have_been_asked_and_what_spared_it_are_said() -> None:
    connection = replace(CONNECTION, rules=ServiceRules(version="f" * 64))
    facts = replace(READING, connection=connection)
    said = said_of(facts, ROW, Allow(would_ask=True, rule="notes"), replace(DRAFT, request_id="r" * 22))
    assert said["would_have"] == "approval_required"
    assert said["allowed_by_rule"] == "notes"
    assert said["template"] == "f" * 12
    assert said["request_id"] == "r" * 22
