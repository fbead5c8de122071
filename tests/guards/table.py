"""Every single check of the door, the front door, the bearer, the gate and egress, and the test that falls without it.

The rules of `policy.RULES` are not here: `tests/domain/test_policy.py` takes each of them away by itself.
"""

from dataclasses import dataclass

DOOR = "stack_local/dispatch.py"
FRONT = "stack_local/surfaces/front_door.py"
AUTH = "stack_local/surfaces/auth.py"
POLICY = "stack_local/domain/policy.py"
RESOLVE = "stack_local/egress/resolve.py"
CLIENT = "stack_local/egress/client.py"
SOCKETS = "stack_local/egress/sockets.py"
EVERY = "tests/contract/test_every_operation.py"
BAD = "tests/e2e/test_bad_input.py"
GATE_TABLE = "tests/domain/test_policy.py"


@dataclass(frozen=True, slots=True)
class Guard:
    """One check: where it stands, what takes it away, and the test that must fail then."""

    name: str
    path: str
    check: str
    without: str
    falls: str


GUARDS = (
    Guard(
        "door: an operation off its surface",
        DOOR,
        "if caller.surface not in operation.surfaces:",
        "if False:",
        f"{EVERY}::test_what_is_the_persons_is_refused_on_the_agents_surfaces",
    ),
    Guard(
        "door: no bearer",
        DOOR,
        "if operation.scope is not None and caller.actor.kind is Kind.NOBODY:",
        "if False:",
        f"{EVERY}::test_without_a_bearer_every_guarded_operation_is_401_and_counted",
    ),
    Guard(
        "door: sealed",
        DOOR,
        "if self._core is None and not operation.while_sealed:",
        "if False:",
        f"{EVERY}::test_a_sealed_vault_answers_423_to_any_bearer_and_401_to_none",
    ),
    Guard(
        "door: scope",
        DOOR,
        "if operation.scope is not None and operation.scope not in caller.actor.scopes:",
        "if False:",
        f"{EVERY}::test_a_bearer_without_the_scope_is_refused_by_every_guarded_operation_and_recorded",
    ),
    Guard(
        "door: locked",
        DOOR,
        "if self._core is not None and not operation.while_locked and not self._core.vault.is_unlocked:",
        "if False:",
        "tests/test_dispatch.py::test_nothing_is_approved_while_the_vault_is_locked",
    ),
    Guard(
        "door: loosening waits for a person",
        DOOR,
        "answer = hold_or_answer(tx, ctx, binding, request)",
        "answer = None",
        f"{BAD}::test_loosening_by_a_key",
    ),
    Guard(
        "door: a success is recorded",
        DOOR,
        "            _write_success(tx, ctx, binding.operation)\n",
        "            pass\n",
        f"{EVERY}::test_every_success_leaves_its_declared_records_and_a_read_none",
    ),
    Guard(
        "door: a refusal is recorded",
        DOOR,
        "            await self._record_refusal(ctx, binding.operation, refused)\n            raise\n",
        "            raise\n",
        f"{EVERY}::test_a_bearer_without_the_scope_is_refused_by_every_guarded_operation_and_recorded",
    ),
    Guard(
        "front door: Host",
        FRONT,
        "if host is None or host.lower() not in (self._hosts or ()):",
        "if False:",
        "tests/surfaces/test_front_door.py::test_a_foreign_host_is_misdirected_on_every_route",
    ),
    Guard(
        "front door: Origin",
        FRONT,
        'if origin.lower() not in {f"http://{host}" for host in self._hosts or ()}:',
        "if False:",
        "tests/surfaces/test_front_door.py::test_a_foreign_origin_is_refused_on_every_route",
    ),
    Guard(
        "front door: announced length",
        FRONT,
        "if is_bounded and length is not None and length.isdigit() and int(length) > self._settings.body_bytes:",
        "if False:",
        f"{BAD}::test_a_body_that_is_announced_too_large_is_not_waited_for",
    ),
    Guard(
        "front door: length as it arrives",
        FRONT,
        "if left < 0:",
        "if False:",
        "tests/surfaces/test_front_door.py::test_a_body_over_the_limit_is_refused_by_its_length_and_by_its_bytes",
    ),
    Guard(
        "front door: web sockets",
        FRONT,
        'if scope["type"] != "http":',
        "if False:",
        "tests/surfaces/test_front_door.py::test_a_web_socket_reaches_no_application",
    ),
    Guard(
        "bearer: a header that stands twice",
        AUTH,
        "if len(values) > 1:",
        "if False:",
        "tests/surfaces/test_auth.py::test_a_header_that_stands_twice_is_read_by_nobody",
    ),
    Guard(
        "bearer: its scheme",
        AUTH,
        'if scheme.lower() != "bearer" or not raw_token or raw_token != raw_token.strip():',
        "if False:",
        "tests/surfaces/test_auth.py::test_a_bearer_is_one_or_is_refused",
    ),
    Guard(
        "bearer: a key that was revoked",
        AUTH,
        "key is None or not is_key_good(key, now) or",
        "key is None or",
        "tests/surfaces/test_auth.py::test_a_revoked_key_is_refused_from_the_acknowledgment_on",
    ),
    Guard(
        "bearer: approvers on the person's side only",
        AUTH,
        ' or (key.preset == "approver" and not self._is_person_side)',
        "",
        "tests/surfaces/test_auth.py::test_approvers_count_on_the_admin_socket_alone",
    ),
    Guard(
        "bearer: sessions on the person's side only",
        AUTH,
        "self._ports.sessions.find(raw_token) if self._is_person_side else None",
        "self._ports.sessions.find(raw_token)",
        "tests/surfaces/test_auth.py::test_sessions_count_on_the_admin_socket_alone",
    ),
    Guard(
        "bearer: a passport that was revoked",
        AUTH,
        "            _refuse_dead(state_of(link, now))\n",
        "            pass\n",
        "tests/surfaces/test_auth.py::test_a_revoked_passport_is_refused_from_the_acknowledgment_on",
    ),
    Guard(
        "bearer: remembered until access changes",
        AUTH,
        "            and known.generation == generation\n",
        "",
        "tests/surfaces/test_auth.py::test_a_revoked_key_is_refused_from_the_acknowledgment_on",
    ),
    Guard(
        "bearer: remembered until its own end",
        AUTH,
        "(known.good_until is None or now < known.good_until)",
        "True",
        "tests/surfaces/test_auth.py::test_a_remembered_key_ends_with_its_time",
    ),
    Guard("gate: not found", POLICY, "if approval is None:", "if False:", GATE_TABLE),
    Guard("gate: another's approval", POLICY, "if not _belongs(approval, facts):", "if False:", GATE_TABLE),
    Guard(
        "gate: the same call",
        POLICY,
        "_mismatch(difference) if difference else Allow(approval=approval)",
        "Allow(approval=approval)",
        GATE_TABLE,
    ),
    Guard(
        "gate: never a child's",
        POLICY,
        "approval.session_id == facts.passport.session_id and approval.chain == chain",
        "approval.session_id == facts.passport.session_id",
        GATE_TABLE,
    ),
    Guard(
        "gate: the clock",
        "stack_local/domain/approvals.py",
        "if approval.status in (Status.PENDING, Status.APPROVED) and now >= approval.expires_at:",
        "if False:",
        GATE_TABLE,
    ),
    Guard(
        "egress: refused ports",
        RESOLVE,
        "    if port in REFUSED_PORTS:",
        "    if False:",
        "tests/egress/test_resolve.py::test_a_bad_host_is_refused",
    ),
    Guard(
        "egress: local names",
        RESOLVE,
        "    if not is_ip_literal(host) and _is_local(host):",
        "    if False:",
        "tests/egress/test_resolve.py::test_a_refused_host_is_never_looked_up",
    ),
    Guard(
        "egress: every address is checked",
        RESOLVE,
        "    for address in addresses:\n        _check_address",
        "    for address in addresses[:1]:\n        _check_address",
        "tests/egress/test_resolve.py::test_a_bad_host_is_refused",
    ),
    Guard(
        "egress: metadata addresses",
        RESOLVE,
        "    if is_metadata(address):",
        "    if False:",
        "tests/egress/test_resolve.py::test_a_bad_host_is_refused",
    ),
    Guard(
        "egress: plain http",
        CLIENT,
        'if url.scheme != "https" and url.host_port not in private_allowed:',
        "if False:",
        "tests/egress/test_client.py::test_plain_http_without_exemption_is_refused_unasked",
    ),
    Guard(
        "egress: header names",
        CLIENT,
        "    if not _NAME.fullmatch(name):",
        "    if False:",
        "tests/egress/test_client.py::test_a_bad_header_is_refused_before_sending",
    ),
    Guard(
        "egress: header values",
        CLIENT,
        "    if not _VALUE.fullmatch(value):",
        "    if False:",
        "tests/egress/test_client.py::test_a_bad_header_is_refused_before_sending",
    ),
    Guard(
        "egress: the target as the parser reads it",
        CLIENT,
        "if not _TARGET.fullmatch(url.target) or not _HOST.fullmatch(url.host):",
        "if False:",
        "tests/egress/test_client.py::test_a_url_made_without_the_parser_is_refused_before_sending",
    ),
)
