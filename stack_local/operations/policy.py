"""Policy, looked at before it bites: the decision itself, over planned and over recorded calls."""

from dataclasses import replace
from datetime import datetime

from stack_local.domain.actors import Kind
from stack_local.domain.calls import Call, propose
from stack_local.domain.errors import InvalidRequest, NotFound, StackError
from stack_local.domain.passports import Passport
from stack_local.domain.policy import TERMS_RULES, Allow, Decision, Deny, Facts, Hold, Replay, decide
from stack_local.domain.services import Connection
from stack_local.domain.terms import closes_at
from stack_local.operations.binding import handles
from stack_local.operations.calls import as_json, facts_of, named_intent
from stack_local.operations.context import Context
from stack_local.operations.minting import acting_passport, prospective
from stack_local.operations.terms import terms_of
from stack_local.operations.visibility import require_agent
from stack_local.proxy.approvals import decode_call
from stack_local.proxy.facts import SALT_BYTES
from stack_local.store import access, agents, services
from stack_local.store import proxy as operations
from stack_local.store.database import Tx
from stack_local.wire.policy import (
    CallVerdict,
    PlannedCall,
    Preflight,
    PreflightCalls,
    TermsDifference,
    TermsTrial,
    TryTerms,
    Verdict,
)


@handles(PreflightCalls)
def preflight_calls(tx: Tx, ctx: Context, request: PreflightCalls) -> Preflight:
    """Each call through the decision, as the passport at hand, or as one that would be minted now."""
    passport = _acting(tx, ctx, request)
    verdicts, ends = [], [passport.session_ends_at]
    for planned in request.calls:
        verdict, end = _judged(tx, ctx, passport, planned)
        verdicts.append(verdict)
        ends.extend([] if end is None else [end])
    passes = all(one.verdict == "allow" for one in verdicts)
    return Preflight(passes=passes, good_until=min(ends) if passes else None, calls=verdicts)


def _acting(tx: Tx, ctx: Context, request: PreflightCalls) -> Passport:
    if request.passport_token is not None or ctx.actor.kind is Kind.PASSPORT:
        passport = acting_passport(tx, ctx, request.passport_token)
        if request.agent_id not in (None, passport.agent_id):
            raise NotFound("the passport is another agent's", field="agent_id", hint="leave it out")
        return passport
    agent_id = request.agent_id or ctx.actor.agent_id
    if agent_id is None:
        raise InvalidRequest("for which agent is this?", field="agent_id", rule="required where the bearer names none")
    require_agent(tx, ctx.actor, agent_id)
    return prospective(tx, ctx, agents.get_rule(tx, agent_id))


def _judged(tx: Tx, ctx: Context, passport: Passport, planned: PlannedCall) -> tuple[CallVerdict, datetime | None]:
    try:
        connection = services.resolve(tx, planned.service)
        call = _call(connection, planned)
    except StackError as wrong:
        return _refused(planned, wrong), None
    facts = facts_of(tx, ctx, passport, connection, call)
    return _verdict(facts, decide(facts)), closes_at(facts.terms.windows, facts.now)


def _call(connection: Connection, planned: PlannedCall) -> Call:
    return propose(
        connection_id=connection.id,
        connection_version=connection.version,
        credential_version=connection.credential_version,
        rules=connection.sending,
        method=planned.method,
        url=connection.filled(planned.url),
        headers=planned.headers or {},
        query=planned.query or {},
        body=as_json(planned.body),
    )


def _verdict(facts: Facts, decision: Decision) -> CallVerdict:
    denial = decision if isinstance(decision, Deny) else None
    field = None if denial is None else denial.details.get("field")
    return CallVerdict(
        method=facts.call.method,
        url=facts.call.url.text,
        verdict=_word(decision),
        rule="approval_required" if isinstance(decision, Hold) else None if denial is None else denial.rule,
        field=field if isinstance(field, str) else None,
        message="a person would be asked" if isinstance(decision, Hold) else None if denial is None else denial.message,
        hint=None if denial is None else denial.hint,
        summary=facts.connection.rules.summary_of(facts.call),
        named_intent=named_intent(facts.connection, facts.call),
    )


def _word(decision: Decision) -> Verdict:
    match decision:
        case Allow() | Replay():
            return "allow"
        case Hold():
            return "ask"
        case Deny():
            return "deny"


def _refused(planned: PlannedCall, wrong: StackError) -> CallVerdict:
    def text(name: str) -> str | None:
        value = wrong.details.get(name)
        return value if isinstance(value, str) else None

    return CallVerdict(
        method=planned.method,
        url=planned.url,
        verdict="deny",
        rule=text("rule") or wrong.code,
        field=text("field"),
        message=wrong.message,
        hint=text("hint"),
        summary=None,
        named_intent=None,
    )


@handles(TryTerms)
def try_terms(tx: Tx, ctx: Context, request: TryTerms) -> TermsTrial:
    """The newest recorded calls, each decided under the terms as they are and as they would be."""
    connection = services.get_rule(tx, request.service_connection_id)
    passport = prospective(tx, ctx, agents.get_rule(tx, request.agent_id))
    now_terms = access.terms_on(tx, request.agent_id, connection.id)
    new_terms = terms_of(request.terms)
    rows = operations.list_of(tx, request.agent_id, connection.id, limit=request.limit)
    readable = [row for row in rows if row.sealed_call is not None]
    differences = []
    for row in readable:
        plain = ctx.core.vault.open_content(row.sealed_call or b"", row_id=row.id)[SALT_BYTES:]
        facts = replace(facts_of(tx, ctx, passport, connection, decode_call(plain)), now=row.created_at, spent=())
        before = decide(replace(facts, terms=now_terms), rules=TERMS_RULES)
        after = decide(replace(facts, terms=new_terms), rules=TERMS_RULES)
        if _word(before) != _word(after):
            differences.append(_difference(row, before, after))
    return TermsTrial(replayed=len(readable), unreadable=len(rows) - len(readable), differences=differences)


def _difference(row: operations.OperationRow, before: Decision, after: Decision) -> TermsDifference:
    denial = after if isinstance(after, Deny) else before if isinstance(before, Deny) else None
    return TermsDifference(
        operation_id=row.id,
        at=row.created_at,
        subject=row.subject,
        before=_word(before),
        after=_word(after),
        rule=None if denial is None else denial.rule,
        message=None if denial is None else denial.message,
    )
