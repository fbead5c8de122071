"""The checks by which a grant's terms, an allowance and an operation id hold, and the test that falls without each."""

from tests.guards.table import GATE_TABLE, POLICY, Guard

CONSTRAINTS = "stack_local/domain/constraints.py"
READING = "stack_local/domain/call_reading.py"
TERMS = "stack_local/domain/terms.py"
ON_CONSTRAINTS = "tests/domain/test_constraints.py"
ON_TERMS = "tests/domain/test_terms.py"
ON_READING = "tests/domain/test_call_reading.py"
ON_USAGE = "tests/proxy/test_usage.py"

TERMS_GUARDS = (
    Guard("gate: writes ask", POLICY, "if not needs_approval(facts):", "if True:", GATE_TABLE),
    Guard(
        "gate: a rule that asks",
        POLICY,
        "facts.agent.asks is Asks.ALWAYS or (word is not None and word.word is Word.ASK)",
        "facts.agent.asks is Asks.ALWAYS",
        GATE_TABLE,
    ),
    Guard(
        "constraint: a passport's and every parent's",
        POLICY,
        "first_broken((*facts.terms.constraints, *carried), reading)",
        "first_broken(facts.terms.constraints, reading)",
        GATE_TABLE,
    ),
    Guard(
        "constraint: what is not seen holds for nobody",
        CONSTRAINTS,
        "        if isinstance(seen, Absent):\n            return False",
        "        if isinstance(seen, Absent):\n            return self.op in _NEGATIVE",
        ON_CONSTRAINTS,
    ),
    Guard(
        "constraint: what must not be, in any spelling",
        CONSTRAINTS,
        "not self._names(_taken_for(seen)) if self.op in _NEGATIVE",
        "not self._names([seen]) if self.op in _NEGATIVE",
        ON_CONSTRAINTS,
    ),
    Guard(
        "constraint: true is not 1",
        CONSTRAINTS,
        "if isinstance(seen, bool) or isinstance(wanted, bool):",
        "if False:",
        ON_CONSTRAINTS,
    ),
    Guard("reading: a streamed body", READING, "if self._call.is_streamed:", "if False:", ON_READING),
    Guard("reading: a name that stands twice", READING, "return len(alike) > 1 or any(", "return any(", ON_READING),
    Guard("reading: a member's twin", READING, "return not self._is_spelled_one_way(path)", "return False", ON_READING),
    Guard("rule: what tightens fits what may be meant", TERMS, "if self.word is Word.ALLOW:", "if True:", ON_TERMS),
    Guard("hours: their last minute", TERMS, "<= local.hour * 60 + local.minute <", "<= local.hour * 60 <", ON_TERMS),
    Guard(
        "allowance: what a reader counts is not kept",
        "stack_local/proxy/usage.py",
        "if tx.is_writer:",
        "if True:",
        f"{ON_USAGE}::test_whoever_only_looks_takes_no_call_from_the_count",
    ),
    Guard(
        "grant: what is left out stays",
        "stack_local/operations/access.py",
        "standing = store.terms_on(tx, request.agent_id, request.service_connection_id)",
        "standing = NO_TERMS",
        "tests/operations/test_access.py::test_a_wider_grant_drops_no_terms_that_it_does_not_name",
    ),
    Guard(
        "passport: a refresh keeps its constraints",
        "stack_local/operations/minting.py",
        "            service.constraints,\n",
        "",
        "tests/operations/test_passports.py::test_a_refresh_keeps_what_a_passport_adds_to_its_grant",
    ),
    Guard(
        "passport: a child keeps what it was given",
        "stack_local/operations/passports.py",
        "replace(scope, scopes=scope.scopes & granted.get(scope.connection_id, frozenset()))",
        "Scopes(scope.connection_id, scope.scopes & granted.get(scope.connection_id, frozenset()))",
        "tests/operations/test_passports.py::test_a_child_is_held_to_what_its_parent_asked_for_it",
    ),
    Guard(
        "verify: the hosts that were bound",
        "stack_local/operations/verifying.py",
        "if not connection.allows_host(call.url):",
        "if False:",
        "tests/operations/test_verifying.py::test_the_credential_goes_to_no_host_that_a_person_did_not_bind",
    ),
    Guard(
        "operation id: another call is refused",
        POLICY,
        "if earlier.difference is None:",
        "if True:",
        "tests/e2e/test_operation_ids.py::test_another_call_under_a_used_operation_id_is_refused_and_names_what_differs",
    ),
    Guard(
        "operation id: its agent's own at the service",
        "stack_local/proxy/pipeline.py",
        'f"{row.agent_id} {row.request_id}"',
        "row.request_id",
        "tests/e2e/test_operation_ids.py::test_an_operation_id_is_its_agents_own_here_and_at_the_service",
    ),
    Guard(
        "operation id: free where nothing was sent",
        "stack_local/store/proxy.py",
        "CASE column2 WHEN 'failed' THEN NULL ELSE request_id END",
        "request_id",
        "tests/e2e/test_operation_ids.py::test_a_call_that_was_certainly_not_sent_leaves_its_operation_id_free",
    ),
    Guard(
        "settling: once",
        "stack_local/operations/proxy.py",
        "if row.state != store.UNKNOWN or row.settled_by is not None:",
        "if row.state != store.UNKNOWN:",
        "tests/e2e/test_operation_ids.py::test_a_person_settles_a_write_once_and_none_whose_outcome_is_known",
    ),
    Guard(
        "proposal: five for an agent",
        "stack_local/operations/decisions.py",
        "return max(store.count_pending_of(tx, ctx.actor.label), 0 if own is None else store.count_pending(tx, own))",
        "return store.count_pending_of(tx, ctx.actor.label)",
        "tests/operations/test_decisions.py::test_an_agent_has_five_proposals_waiting_however_many_passports_it_holds",
    ),
    Guard(
        "preflight: another's agent",
        "stack_local/operations/policy.py",
        "if request.agent_id not in (None, passport.agent_id):",
        "if False:",
        "tests/operations/test_policy.py::test_another_agents_plan_is_nobodys_to_look_at",
    ),
)
