"""Between the wire's claim and the exact call: reading a claim, showing a call, dry-running the decision."""

import hashlib
from dataclasses import replace

from stack_local.domain.actors import Kind
from stack_local.domain.calls import Call, propose
from stack_local.domain.canonical import Json
from stack_local.domain.errors import InvalidRequest
from stack_local.domain.passports import Passport
from stack_local.domain.policy import Deny, Facts, decide, needs_approval
from stack_local.domain.services import Connection
from stack_local.operations.context import Context
from stack_local.operations.minting import acting_passport, passport_of
from stack_local.proxy.facts import Draft, World, gather
from stack_local.proxy.pipeline import Asker
from stack_local.store import services
from stack_local.store.database import Tx
from stack_local.wire.intents import CallEdits, ExactCall, IntentClaim, IntentTarget, Simulation
from stack_local.wire.types import PassportToken


def draft_of(claim: IntentClaim) -> Draft:
    """The candidate call of a claim.

    Raises:
        InvalidRequest: the target is a URL without a method or a service.
    """
    parameters = claim.parameters
    target = claim.target
    if not isinstance(target, IntentTarget):
        missing = "intent.service" if claim.service is None else "intent.action" if claim.action is None else None
        if missing is not None or claim.service is None or claim.action is None:
            raise InvalidRequest(
                "the claim does not say what is called",
                field=missing,
                rule="target {service, method, url}, or a URL with action and service",
            )
        target = IntentTarget(service=claim.service, method=claim.action.upper(), url=target)
    return Draft(
        service=target.service,
        method=target.method,
        url=target.url,
        headers=parameters.headers or {},
        query=parameters.query or {},
        body=as_json(parameters.body),
    )


def as_json(value: object) -> Json:
    """Pydantic's JSON value as ours: the two types hold the same trees."""
    return value  # type: ignore[return-value]  # checked by pydantic as JsonValue


def edited(connection: Connection, call: Call, edits: CallEdits) -> Call:
    """The call with a person's changes; what is left out stays as it was."""
    chosen = edits.model_fields_set
    headers = dict(call.headers) | ({} if call.content_type is None else {"content-type": call.content_type})
    if "headers" in chosen:
        headers = dict(edits.headers or {})
    url = edits.url if edits.url is not None else call.url.text
    if "query" in chosen:
        url = url.partition("?")[0]
    proposed = propose(
        connection_id=connection.id,
        connection_version=connection.version,
        credential_version=connection.credential_version,
        rules=connection.sending,
        method=call.method,
        url=url,
        headers=headers,
        query=edits.query or {},
        body=as_json(edits.body) if "body" in chosen else None,
    )
    # A body that stays need not be text.
    return proposed if "body" in chosen else replace(proposed, body=call.body)


def exact(connection: Connection, call: Call) -> ExactCall:
    """The call as a person and its agent see it."""
    return ExactCall(
        service=connection.provider,
        connection_id=connection.id,
        label=connection.label,
        method=call.method,
        url=call.url.text,
        host=call.url.authority,
        path=call.url.raw_path,
        query=call.url.raw_query,
        headers=dict(call.headers),
        content_type=call.content_type,
        body=None if call.body is None else call.body.decode("utf-8", "replace"),
        body_bytes=len(call.body or b""),
        body_sha256=None if call.body is None else hashlib.sha256(call.body).hexdigest(),
        digest=call.digest,
        summary=connection.rules.summary_of(call),
        named_intent=named_intent(connection, call),
        template_version=connection.rules.version or None,
    )


def named_intent(connection: Connection, call: Call) -> str | None:
    """What the service's template calls it: `stripe:refunds:create`."""
    found = connection.rules.action_of(call)
    return None if found is None else f"{connection.provider}:{found[0].name}"


def asker_of(ctx: Context, token: PassportToken) -> Asker:
    """On whose behalf the pipeline looks at a call, and makes it."""
    return Asker(
        label=ctx.actor.label,
        bearer=_bearer(ctx, token),
        trace_id=ctx.trace_id,
        passport=lambda tx: acting_passport(tx, ctx, token),
        peek=lambda tx: _peek(tx, ctx, token),
    )


def _bearer(ctx: Context, token: PassportToken) -> str:
    """Names the actor and the passport it shows; a hash, so that no token is kept."""
    if token is None:
        return ctx.actor.label
    return f"{ctx.actor.label} {hashlib.sha256(token.get_secret_value().encode()).hexdigest()}"


def _peek(tx: Tx, ctx: Context, token: PassportToken) -> tuple[str, str]:
    """The agent and session a call will act for, as far as they are known before; never mints."""
    if ctx.actor.kind is Kind.PASSPORT or token is not None:
        found = acting_passport(tx, ctx, token) if token is None else passport_of(tx, ctx, token.get_secret_value())
        return found.agent_id, found.session_id
    return ctx.actor.agent_id or "", ""


def facts_of(tx: Tx, ctx: Context, passport: Passport, connection: Connection, call: Call) -> Facts:
    """What the decision would read of this call now, without an approval."""
    world = World(ctx.now, ctx.ports.appliance.alarm is None, ctx.trail.findings)
    return gather(
        tx, ctx.core.vault, world, passport=passport, connection=connection, call=call, usage=ctx.core.pipeline.usage
    )


def connection_of(tx: Tx, call: Call) -> Connection:
    """The connection a call names."""
    return services.get_rule(tx, call.connection_id)


def simulated(facts: Facts, claim: IntentClaim, *, claim_id: str | None) -> Simulation:
    """The dry run: the same decision, nothing spent, nothing sent, no name looked up."""
    decision = decide(facts)
    denials = [f"{decision.rule}: {decision.message}; {decision.hint}"] if isinstance(decision, Deny) else []
    return Simulation(
        allowed=not denials,
        needs_approval=not denials and needs_approval(facts),
        denial_reasons=denials,
        simulated_cost=None if claim.estimated_cost is None else str(claim.estimated_cost),
        predicted_detector_fires=[finding.detector for finding in facts.findings],
        simulated_at=facts.now,
        claim_id=claim_id,
        diagnostics={
            "service": facts.connection.label,
            "host": facts.call.url.authority,
            "effect": "read" if facts.connection.reads(facts.call) else "write",
            "digest": facts.call.digest,
        },
    )
