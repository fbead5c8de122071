"""How a log-in at a service ends: by the browser's way back with a code, or by looking until a device was allowed."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from stack_local.domain.actors import APPLIANCE, Kind
from stack_local.domain.audit import Outcome
from stack_local.domain.errors import Conflict, InvalidRequest, NotFound, StackError
from stack_local.domain.secrets import Secret
from stack_local.oauth.renewal import renewal_of
from stack_local.oauth.tokens_upstream import TokenRequest, Tokens
from stack_local.oauth.upstream import CALLBACK_PATH, TokenServer, code_request, server_of
from stack_local.oauth.upstream_answers import ERROR_CODE, Dead, Later, Waiting, read_tokens
from stack_local.operations import attempts, drafts
from stack_local.operations.attempts import Errand, view
from stack_local.operations.bearers import find_asker
from stack_local.operations.binding import handles
from stack_local.operations.context import Context, Core, Trail
from stack_local.operations.drafts import Draft
from stack_local.operations.sealing import Material
from stack_local.operations.verifying import verify_connection
from stack_local.service_templates import TemplateOAuth
from stack_local.store import connecting as store
from stack_local.store import services
from stack_local.store.connecting import AttemptRow, Status
from stack_local.store.database import Tx
from stack_local.system import System
from stack_local.wire.catalogue import CATALOGUE
from stack_local.wire.connecting import ConnectAttempt, FinishConnection
from stack_local.wire.services import VerifyConnection

MAX_PARAMETERS = 16
"""Of a redirect; more come from nobody who was asked."""

MAX_VALUE_CHARACTERS = 4096
"""Of one of them."""

OAUTH = "oauth"
"""The source of a token for which the service gave nothing to renew it with."""


@dataclass(frozen=True, slots=True)
class LoggingIn:
    """A log-in with everything it takes to end it."""

    row: AttemptRow
    errand: Errand
    draft: Draft
    oauth: TemplateOAuth

    @property
    def server(self) -> TokenServer:
        """The service's authorization server."""
        return server_of(self.oauth, self.draft.placeholders, self.draft.own_hosts)


def loaded(tx: Tx, core: Core, row: AttemptRow) -> LoggingIn:
    """A log-in that waits.

    Raises:
        Conflict: it is over.
    """
    template = services.find_template(tx, row.template_hash)
    errand = attempts.opened(core, row)
    if template is None or template.oauth is None or errand is None:
        raise _over()
    return LoggingIn(row, errand, drafts.decode_draft(errand.draft, template), template.oauth)


@handles(FinishConnection)
async def finish_connection(ctx: Context, request: FinishConnection) -> ConnectAttempt:
    """The code is spent by being shown, rightly or wrongly; what it gives is kept before anybody hears of it."""
    said = _callback(request.callback_url.get_secret_value(), ctx.ports.appliance.base_url)
    taken = await ctx.core.database.write(lambda tx: _take(tx, ctx, said))
    if isinstance(taken, StackError):
        raise taken
    asked = code_request(
        taken.server,
        taken.errand.login(taken.draft.service_scopes),
        Secret(said["code"]),
        pkce=taken.oauth.pkce,
    )
    outcome = await ask(ctx.core, taken, asked, at=ctx.now)
    if not isinstance(outcome, Tokens):
        reason = outcome.reason if isinstance(outcome, Dead | Later) else "the service says that somebody has to wait"
        await ctx.core.database.write(lambda tx: fail(tx, ctx.core, ctx.ports.system, taken.row, reason))
        ctx.trail.is_recorded = True
        raise _failed(reason)
    row = await keep(ctx.core, ctx.ports.system, taken, outcome)
    ctx.trail.is_recorded = True
    if row.connection_id is None:
        raise _failed(row.reason or "nothing was connected")
    await _look_whose(ctx, row.connection_id)
    return view(ctx, row, None)


def _callback(raw_url: str, base_url: str) -> dict[str, str]:
    """The parameters of the redirect, each once.

    Raises:
        InvalidRequest: it is not a redirect to us.
    """
    try:
        parts = urlsplit(raw_url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise _no_redirect("readable") from None
    if f"{parts.scheme}://{parts.netloc}{parts.path}" != base_url + CALLBACK_PATH:
        raise _no_redirect(base_url + CALLBACK_PATH)
    said = dict(pairs)
    if len(said) != len(pairs) or any(len(value) > MAX_VALUE_CHARACTERS for value in said.values()):
        raise _no_redirect("each parameter once, and not without end")
    return said


def _no_redirect(rule: str) -> InvalidRequest:
    return InvalidRequest("this is no redirect of a log-in", field="callback_url", rule=rule, hint="begin it again")


def _take(tx: Tx, ctx: Context, said: dict[str, str]) -> LoggingIn | StackError:
    """The log-in this redirect belongs to, once. What is wrong with it is returned, so that it stays spent."""
    row = store.find_by_state(tx, attempts.hash_state(said.get("state", "")))
    if row is None:
        return NotFound("no log-in waits for this", field="state", hint="begin it again")
    if row.status is not Status.WAITING or ctx.now >= row.expires_at:
        return _over()
    store.move(tx, row, after=Status.REDEEMING)
    wrong = _wrong(tx, ctx, row, said)
    if wrong is not None:
        fail(tx, ctx.core, ctx.ports.system, row, wrong)
        ctx.trail.is_recorded = True
        return _failed(wrong)
    return loaded(tx, ctx.core, replace(row, status=Status.REDEEMING))


def _wrong(tx: Tx, ctx: Context, row: AttemptRow, said: dict[str, str]) -> str | None:
    """Why a redirect with the right state is not taken."""
    if not _is_asker_there(tx, ctx, row):
        return "whoever began it is no longer there"
    issuer = loaded(tx, ctx.core, row).oauth.issuer
    if issuer is not None and said.get("iss", issuer) != issuer:
        # RFC 9207, section 2.4: the code is another server's. Many a service names its issuer and sends none along.
        return "the answer does not come from this service"
    if "error" in said:
        shown = said["error"] if ERROR_CODE.fullmatch(said["error"]) else "no reason that can be shown"
        return f"the service refused: {shown}"
    return None if said.get("code") else "the answer holds no code"


def _is_asker_there(tx: Tx, ctx: Context, row: AttemptRow) -> bool:
    """The session that began it goes on, or the key is good still."""
    kind, _, asker_id = row.asked_by.partition(":")
    if kind == Kind.SESSION:
        return ctx.ports.sessions.is_live(asker_id)
    return find_asker(tx, row.asked_by, ctx.now) is not None


def _over() -> Conflict:
    return Conflict("the log-in is over", field="state", rule="once, within ten minutes", hint="begin it again")


def _failed(reason: str) -> Conflict:
    return Conflict(f"the log-in failed: {reason}", rule="log-in", hint="begin it again")


async def ask(core: Core, of: LoggingIn, request: TokenRequest, *, at: datetime) -> Tokens | Dead | Later | Waiting:
    """What the token endpoint says."""
    answer = await core.tokens.ask(request, private_allowed=of.server.private_allowed)
    return answer if isinstance(answer, Later) else read_tokens(answer, of.server, at=at)


async def keep(core: Core, system: System, of: LoggingIn, tokens: Tokens) -> AttemptRow:
    """Keep what the log-in gave; it fails where the connection it was for is gone, or its proposal was declined."""
    try:
        return await core.database.write(lambda tx: _complete(tx, core, system, of, tokens))
    except Conflict as gone:
        reason = gone.message
        return await core.database.write(lambda tx: fail(tx, core, system, of.row, reason))


def _complete(tx: Tx, core: Core, system: System, of: LoggingIn, tokens: Tokens) -> AttemptRow:
    at, scopes = system.now(), tokens.scopes or of.draft.service_scopes
    renewal = renewal_of(tokens, of.server, of.errand.client, of.draft.service_scopes)
    source = OAUTH if renewal is None else renewal.kind
    field = drafts.token_field(drafts.injection_of(of.draft.template, source))
    material = Material({field: tokens.access_token}, (field,), source, renewal, tokens.expires_at)
    draft = replace(of.draft, service_scopes=scopes)
    new_id = system.new_id("connection")
    connection, ended = drafts.connect(tx, core, draft, material, connection_id=new_id, by=of.row.asked_by, at=at)
    store.end(tx, of.row, connection_id=connection.id)
    missing = sorted(set(of.draft.service_scopes) - set(scopes))
    detail = {"connection_id": connection.id, "attempt_id": of.row.id, "scopes_not_granted": ", ".join(missing) or None}
    _record(tx, core, system, of.row, Outcome.SUCCESS, detail=detail)
    for approval in ended:
        core.scribe.write(
            tx,
            trace_id=new_id,
            actor="system",
            action="intent.expire",
            outcome=Outcome.SUCCESS,
            agent_id=approval.agent_id,
            subject=approval.id,
        )
    return store.get(tx, of.row.id)


def fail(tx: Tx, core: Core, system: System, row: AttemptRow, reason: str) -> AttemptRow:
    """It is over, badly."""
    store.end(tx, row, reason=reason)
    _record(tx, core, system, row, Outcome.FAILURE, message=reason, detail={"attempt_id": row.id})
    return store.get(tx, row.id)


def _record(
    tx: Tx,
    core: Core,
    system: System,
    row: AttemptRow,
    outcome: Outcome,
    *,
    detail: dict[str, str | None],
    message: str | None = None,
) -> None:
    core.scribe.write(
        tx,
        trace_id=system.new_id("claim").replace("pc_", "trc_"),
        actor=row.asked_by,
        action=CATALOGUE[FinishConnection].audit,
        outcome=outcome,
        decided_by=row.asked_by,
        subject=row.provider,
        error_code=None if message is None else "LOG_IN_FAILED",
        error_message=message,
        detail={name: value for name, value in detail.items() if value is not None},
    )


async def _look_whose(ctx: Context, connection_id: str) -> None:
    """Ask the service whose account it is: a person sees whether it is the one they meant."""
    asking = replace(ctx, actor=APPLIANCE, trail=Trail())
    try:
        await asyncio.shield(verify_connection(asking, VerifyConnection(connection_id=connection_id)))
    except StackError:
        return
