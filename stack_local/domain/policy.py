"""May this call go out? The whole law, pure: `decide(facts)` walks RULES in order and the first word stands."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from stack_local.domain.agents import Agent, AgentStatus, Asks
from stack_local.domain.approvals import Approval, Gate, Status, status_at
from stack_local.domain.call_reading import Reading
from stack_local.domain.calls import Call, first_mismatch
from stack_local.domain.constraints import first_broken, shown
from stack_local.domain.detection import Finding
from stack_local.domain.errors import Detail
from stack_local.domain.ids import ApprovalId, OperationId
from stack_local.domain.passports import Mode, Passport, State, constraints_on, effective_scopes, state_of
from stack_local.domain.services import Connection
from stack_local.domain.terms import NO_TERMS, Spent, Terms, Word, is_open, opens_at


@dataclass(frozen=True, slots=True)
class Proposal:
    """An operation and its arguments, as `stack_propose_change` takes them."""

    operation: str
    arguments: dict[str, Detail]

    @property
    def detail(self) -> Detail:
        """As a refusal carries it."""
        return {"operation": self.operation, "arguments": self.arguments}


@dataclass(frozen=True, slots=True)
class Earlier:
    """The call that was let out under the same operation id before."""

    operation_id: OperationId
    difference: str | None
    """The first field in which the two differ."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the decision reads, from one transaction."""

    now: datetime
    vault_unlocked: bool
    anchor_fresh: bool
    chain: tuple[Passport, ...]
    """The passport and its ancestors, child first."""
    agents: tuple[Agent, ...]
    """Their agents, in the same order."""
    connection: Connection
    granted: frozenset[str]
    """The agent's grant on the connection as it stands now."""
    declared: frozenset[str]
    """Connections the declared intent names; empty when none was named."""
    call: Call
    carries_own_token: bool = False
    findings: tuple[Finding, ...] = ()
    approval_id: str | None = None
    approval: Approval | None = None
    earlier: Earlier | None = None
    terms: Terms = NO_TERMS
    """What the grant says besides its scopes."""
    spent: tuple[Spent, ...] = ()
    """Allowances that are used up."""

    @property
    def passport(self) -> Passport:
        return self.chain[0]

    @property
    def agent(self) -> Agent:
        return self.agents[0]


@dataclass(frozen=True, slots=True)
class Allow:
    """It may go out; `approval` is the one it spends."""

    approval: Approval | None = None
    would_ask: bool = False
    """The agent is only observed: otherwise a person would have been asked."""
    rule: str | None = None
    """The note of the grant's rule that spares the question."""


@dataclass(frozen=True, slots=True)
class Deny:
    """It may not. `code` chooses the error, `rule` or `gate` says why, `hint` what would make it pass."""

    code: str
    rule: str
    message: str
    hint: str
    gate: Gate | None = None
    details: dict[str, Detail] = field(default_factory=dict)
    proposal: Proposal | None = None
    """The change that would let it pass, ready for a person to accept."""


@dataclass(frozen=True, slots=True)
class Hold:
    """It may go out once a person has said yes to exactly this call."""

    rule: str | None = None
    """The note of the grant's rule that asks."""


@dataclass(frozen=True, slots=True)
class Replay:
    """It was made already, under this approval or this operation id: its stored outcome is the answer."""

    approval_id: ApprovalId | None
    operation_id: OperationId


Decision = Allow | Deny | Hold | Replay
Rule = Callable[[Facts], Deny | None]


def vault_is_unlocked(facts: Facts) -> Deny | None:
    if facts.vault_unlocked:
        return None
    return Deny("LOCKED", "vault_unlocked", "the vault is locked", "ask the person at the terminal to unlock it")


def vault_is_fresh(facts: Facts) -> Deny | None:
    if facts.anchor_fresh:
        return None
    return Deny(
        "UNAVAILABLE", "anchor", "the vault is older than its anchor", "a person must look at `stack-local doctor`"
    )


def passport_is_live(facts: Facts) -> Deny | None:
    for passport in facts.chain:
        state = state_of(passport, facts.now)
        if state is State.REVOKED:
            whose = "the passport" if passport is facts.passport else "a passport it descends from"
            return Deny("PASSPORT_REVOKED", "passport_state", f"{whose} is revoked", "stop; a person ended this access")
        if state is not State.ACTIVE:
            return Deny(
                "PASSPORT_EXPIRED", "passport_state", f"the passport is {state}", "refresh it, or issue another"
            )
    return None


def agent_is_active(facts: Facts) -> Deny | None:
    for agent in facts.agents:
        if agent.passport_blocked:
            return Deny(
                "PASSPORT_BLOCKED", "passport_blocked", f"agent {agent.name} is blocked", "a person may unblock it"
            )
        if agent.status is not AgentStatus.ACTIVE:
            return Deny("FORBIDDEN", "agent_status", f"agent {agent.name} is suspended", "a person may activate it")
    return None


def service_is_connected(facts: Facts) -> Deny | None:
    if facts.connection.connected:
        return None
    return Deny("FORBIDDEN", "service_connected", "the service is disconnected", "ask a person to connect it again")


def credential_is_alive(facts: Facts) -> Deny | None:
    if facts.connection.reconnect_reason is None:
        return None
    return Deny(
        "FORBIDDEN",
        "reconnect",
        f"the credential of {facts.connection.provider} no longer works",
        "ask a person to connect it again; until then every call is refused",
        details={"field": "service"},
    )


def service_is_granted(facts: Facts) -> Deny | None:
    declared_elsewhere = facts.declared and facts.connection.id not in facts.declared
    if not declared_elsewhere and effective_scopes(facts.chain, facts.granted, facts.connection.id):
        return None
    return Deny(
        "FORBIDDEN",
        "credential_outside_scope",
        f"{facts.connection.provider} is outside what this passport may reach",
        "ask a person to grant it, then issue a passport that names it",
        details={"field": "service"},
        proposal=_proposed_grant(facts),
    )


def _proposed_grant(facts: Facts) -> Proposal | None:
    """What the grant lacks; None where it is the passport that is too narrow."""
    needed = facts.connection.needed_scope(facts.call)
    if needed in facts.granted:
        return None
    wanted = sorted(facts.granted | {needed})
    return Proposal(
        "grant_agent_access",
        {"agent_id": facts.agent.id, "service_connection_id": facts.connection.id, "scopes": list(wanted)},
    )


def scope_covers_method(facts: Facts) -> Deny | None:
    needed = facts.connection.needed_scope(facts.call)
    if needed in effective_scopes(facts.chain, facts.granted, facts.connection.id):
        return None
    return Deny(
        "FORBIDDEN",
        "scope",
        f"{facts.call.method} needs the scope {needed} on {facts.connection.provider}",
        f"ask a person to grant {needed}, then issue a passport that holds it",
        details={"field": "method"},
        proposal=_proposed_grant(facts),
    )


def host_is_bound(facts: Facts) -> Deny | None:
    if facts.connection.allows_host(facts.call.url):
        return None
    bound = ", ".join(host.text for host in facts.connection.hosts) or "none yet"
    rule = "host_not_bound" if not facts.connection.hosts else "host"
    return Deny(
        "FORBIDDEN",
        rule,
        f"{facts.connection.provider} is not bound to {facts.call.url.authority}",
        f"its hosts: {bound}; a person may bind another",
        details={"field": "url"},
        proposal=Proposal(
            "bind_connection_hosts",
            {
                "connection_id": facts.connection.id,
                "hosts": [*(host.text for host in facts.connection.hosts), facts.call.url.host_port.text],
            },
        ),
    )


def no_own_token_leaves(facts: Facts) -> Deny | None:
    if not facts.carries_own_token:
        return None
    return Deny(
        "FORBIDDEN",
        "own_token",
        "the call carries a token of this appliance",
        "leave it out: it is never sent to a service",
    )


def body_was_seen(facts: Facts) -> Deny | None:
    if not facts.call.is_streamed or not needs_body(facts):
        return None
    return Deny(
        "TOO_LARGE",
        "body_not_seen",
        "a person or a rule must see the body of this call, and it was not read",
        "send a body of at most 10 MB",
        details={"field": "body"},
    )


def needs_body(facts: Facts) -> bool:
    """Whether the word hangs on the call's body: it says what is done, a person is shown it, or a rule compares it."""
    is_held = needs_approval(facts) and facts.agent.asks is not Asks.OBSERVE
    carried = (one for passport in facts.chain for one in constraints_on(passport, facts.connection.id))
    conditions = (one for rule in facts.terms.rules for one in rule.when)
    compared = (one.path.partition(".")[0] for one in (*facts.terms.constraints, *conditions, *carried))
    return is_held or facts.connection.rules.reads_body_of(facts.call) or "body" in compared


def constraints_hold(facts: Facts) -> Deny | None:
    carried = (one for passport in facts.chain for one in constraints_on(passport, facts.connection.id))
    reading = Reading(facts.call)
    broken = first_broken((*facts.terms.constraints, *carried), reading)
    if broken is None:
        return None
    return Deny(
        "FORBIDDEN",
        "constraint",
        f"the call breaks a constraint on {facts.connection.provider}: {broken.text}",
        f"a call passes where {broken.text}; a person may change the grant",
        details={"field": broken.path, "seen": shown(reading, broken.path), "constraint": broken.text},
    )


def no_rule_blocks(facts: Facts) -> Deny | None:
    rule = facts.terms.word_on(facts.call)
    if rule is None or rule.word is not Word.BLOCK:
        return None
    when = " and ".join(condition.text for condition in rule.when) or "always"
    return Deny(
        "FORBIDDEN",
        "grant_rule",
        f"a person blocked this kind of call{f': {rule.note}' if rule.note else ''}",
        f"blocked where {when}; a person may change the grant",
        details={"field": rule.when[0].path if rule.when else "service"},
    )


def within_hours(facts: Facts) -> Deny | None:
    if is_open(facts.terms.windows, facts.now):
        return None
    opens = opens_at(facts.terms.windows, facts.now)
    return Deny(
        "FORBIDDEN",
        "time_window",
        f"calls to {facts.connection.provider} are not allowed at this time",
        "a person may change the grant" if opens is None else f"allowed again from {opens.isoformat()}",
        details={"field": "time", "opens_at": None if opens is None else opens.isoformat()},
    )


def within_allowance(facts: Facts) -> Deny | None:
    # What sends nothing uses nothing up: a repeated call gets its stored answer.
    if not facts.spent or not isinstance(_beyond_rules(facts), Allow | Hold):
        return None
    spent = facts.spent[0]
    return Deny(
        "TOO_MANY_REQUESTS",
        "allowance",
        f"the {spent.whose}'s allowance of {spent.limit} calls a {spent.period} is used up",
        "wait, or ask a person for more",
        details={"field": "service", "retry_after_seconds": spent.retry_after_seconds, "limit": spent.limit},
    )


def nothing_was_found(facts: Facts) -> Deny | None:
    finding = next((finding for finding in facts.findings if finding.blocks), None)
    if finding is None or facts.passport.mode is not Mode.ENFORCED:
        return None
    return Deny("FORBIDDEN", f"detector:{finding.detector}", finding.message, "wait, or ask a person to look")


RULES: tuple[Rule, ...] = (
    vault_is_unlocked,
    vault_is_fresh,
    passport_is_live,
    agent_is_active,
    service_is_connected,
    service_is_granted,
    scope_covers_method,
    host_is_bound,
    credential_is_alive,
    no_own_token_leaves,
    body_was_seen,
    constraints_hold,
    no_rule_blocks,
    within_hours,
    nothing_was_found,
    within_allowance,
)
"""In order. `tests/domain/test_policy.py` takes each one away and shows the case that falls."""


TERMS_RULES: tuple[Rule, ...] = (constraints_hold, no_rule_blocks, within_hours)
"""Those that read the terms of a grant and nothing of the moment: what a trial of other terms asks."""


def decide(facts: Facts, *, rules: tuple[Rule, ...] = RULES) -> Decision:
    """The word on one proposed call: the rules first, then the approval gate."""
    if not facts.chain or not facts.agents:
        return Deny("UNAUTHORIZED", "passport", "there is no passport", "issue one with stack_issue_passport")
    for rule in rules:
        denial = rule(facts)
        if denial is not None:
            return denial
    return _beyond_rules(facts)


def _beyond_rules(facts: Facts) -> Decision:
    if facts.earlier is not None:
        return _again(facts.earlier)
    word = facts.terms.word_on(facts.call)
    if not needs_approval(facts):
        return Allow(rule=None if word is None or word.word is not Word.ALLOW else word.note or "allow")
    if facts.agent.asks is Asks.OBSERVE:
        return Allow(would_ask=True)
    decision = _gate(facts)
    return Hold(word.note or "ask") if isinstance(decision, Hold) and word is not None else decision


def _again(earlier: Earlier) -> Decision:
    """A call under an operation id that was used: the same one is never sent twice, another one not at all."""
    if earlier.difference is None:
        return Replay(None, earlier.operation_id)
    return Deny(
        "CONFLICT",
        "operation_id",
        f"the operation id was used for another call, which differs first in {earlier.difference}",
        "repeat that call exactly for its stored answer, or choose a new id",
        details={"field": "operation_id", "differs_in": earlier.difference, "operation_id": earlier.operation_id},
    )


def needs_approval(facts: Facts) -> bool:
    """Whether a person is asked: as the agent says, else the grant's rule, else enforced agents for every write.

    An agent that is only observed is told so here too: whether somebody would be asked is then only noted.
    """
    word = facts.terms.word_on(facts.call)
    if facts.agent.asks is Asks.ALWAYS or (word is not None and word.word is Word.ASK):
        return True
    if word is not None and word.word is Word.ALLOW:
        return False
    if facts.agent.asks is Asks.NEVER or facts.passport.mode is not Mode.ENFORCED:
        return False
    return not facts.connection.reads(facts.call)


def _gate(facts: Facts) -> Decision:
    if facts.approval_id is None:
        return Hold()
    approval = facts.approval
    if approval is None:
        return _refused(facts, Gate.NOT_FOUND, "no such approval", "submit the intent first with stack_submit_intent")
    if not _belongs(approval, facts):
        return _refused(
            facts, Gate.PASSPORT_MISMATCH, "the approval belongs to another passport", "submit it with this one"
        )
    return _gate_state(approval, facts)


def _belongs(approval: Approval, facts: Facts) -> bool:
    chain = tuple(agent.id for agent in facts.agents)
    return approval.session_id == facts.passport.session_id and approval.chain == chain


def _gate_state(approval: Approval, facts: Facts) -> Decision:
    difference = first_mismatch(approval.call, facts.call)
    match status_at(approval, facts.now):
        case Status.PENDING:
            return _refused(facts, Gate.PENDING, "a person has not decided yet", "poll stack_get_intent_approval")
        case Status.REJECTED:
            return _refused(facts, Gate.REJECTED, "a person said no", "stop; do not retry")
        case Status.EXPIRED:
            return _refused(facts, Gate.EXPIRED, "the approval is past its time", "submit the intent again")
        case Status.RESERVED | Status.CONSUMED:
            return _spent(facts, approval, difference)
        case Status.APPROVED:
            return _mismatch(difference) if difference else Allow(approval=approval)


def _spent(facts: Facts, approval: Approval, difference: str | None) -> Decision:
    if approval.operation_id is not None and difference is None:
        return Replay(approval.id, approval.operation_id)
    return _refused(facts, Gate.CONSUMED, "the approval is spent", "submit the intent again")


def _mismatch(difference: str) -> Deny:
    return Deny(
        "FORBIDDEN",
        Gate.CALL_MISMATCH,
        f"call_mismatch: the call differs from what was approved, first in {difference}",
        "repeat the approved call exactly, or name only approval_id to have it made as approved",
        gate=Gate.CALL_MISMATCH,
        details={"field": difference},
    )


def _refused(facts: Facts, gate: Gate, message: str, hint: str) -> Deny:
    details: dict[str, Detail] = {"field": "approval_id", "approval_id": facts.approval_id}
    return Deny("FORBIDDEN", gate, f"{gate}: {message}", hint, gate=gate, details=details)
