"""Verifying: one harmless call that tells whether a credential works, and whose account it is."""

import asyncio
from dataclasses import dataclass
from typing import Literal, cast

from stack_local.domain.call_fields import at
from stack_local.domain.calls import Call, propose
from stack_local.domain.canonical import Json, read_json
from stack_local.domain.errors import Forbidden, InvalidRequest, StackError
from stack_local.domain.services import Connection
from stack_local.domain.urls import parse_url
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.operations.services import connected, refuse_foreign
from stack_local.store import services as store
from stack_local.store.database import Tx
from stack_local.system import milliseconds
from stack_local.wire.services import Verification, VerifyConnection

ACCOUNT_CHARACTERS = 128
"""Of the account's name, as the service tells it."""


@handles(VerifyConnection)
async def verify_connection(ctx: Context, request: VerifyConnection) -> Verification:
    """One harmless call with the credential: the one of the template, or a GET of the path named at connect."""
    probe = await ctx.core.database.read(lambda tx: _probe(tx, ctx, request.connection_id))
    found = await _ask(ctx, probe)
    verdict: Literal["passed", "failed"] = "passed" if found.passed else "failed"
    await ctx.core.database.write(lambda tx: _note_verified(tx, ctx, probe, verdict, found.account))
    ctx.note(subject=request.connection_id, verdict=verdict, status=found.status)
    return Verification(
        connection_id=request.connection_id,
        status=verdict,
        upstream_status=found.status,
        account=found.account,
        message=found.message,
        checked_at=ctx.now,
    )


@dataclass(frozen=True, slots=True)
class _Probe:
    """What is asked to see whether a credential works, and how its answer is read."""

    connection: Connection
    call: Call
    ok: str | None = None
    account: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    status: int | None
    passed: bool
    message: str
    account: str | None = None


def _probe(tx: Tx, ctx: Context, connection_id: str) -> _Probe:
    refuse_foreign(tx, ctx, connected(tx, connection_id))
    connection = store.get_rule(tx, connection_id)
    if not connection.hosts:
        raise Forbidden("no host is bound", rule="host_not_bound", hint="a person binds one")
    template = store.template_of(tx, connection_id)
    verify = None if template is None else template.verify
    if verify is not None:
        origin = parse_url(connection.base).origin if verify.host is None else f"https://{verify.host}"
        body = None if verify.body is None else cast(Json, verify.body)
        call = _call(connection, verify.method, connection.filled(origin + verify.path), body)
        if not connection.allows_host(call.url):
            raise Forbidden(
                f"the connection is not bound to {call.url.authority}", rule="host", hint="a person binds it again"
            )
        return _Probe(connection, call, verify.ok, tuple(verify.account))
    path = store.verify_path(tx, connection_id)
    if path is None:
        raise InvalidRequest(
            "the connection names no request to verify it with", field="connection_id", rule="verify_path at connect"
        )
    return _Probe(connection, _call(connection, "GET", parse_url(connection.base).origin + path, None))


def _call(connection: Connection, method: str, url: str, body: Json) -> Call:
    return propose(
        connection_id=connection.id,
        connection_version=connection.version,
        credential_version=connection.credential_version,
        rules=connection.sending,
        method=method,
        url=url,
        headers={},
        query={},
        body=body,
    )


async def _ask(ctx: Context, probe: _Probe) -> _Found:
    try:
        kept = await asyncio.shield(ctx.core.pipeline.probe(probe.connection, probe.call))
    except StackError as failed:
        return _Found(None, passed=False, message=failed.message)
    try:
        tree = read_json(kept.body)
    except InvalidRequest:
        tree = None
    if kept.status >= 400:
        return _Found(kept.status, passed=False, message=f"the service answered {kept.status}")
    if probe.ok is not None and at(tree, probe.ok) is not True:
        return _Found(kept.status, passed=False, message="the service refuses the credential")
    names = [at(tree, path) for path in probe.account]
    account = " / ".join(name for name in names if isinstance(name, str) and name)[:ACCOUNT_CHARACTERS]
    return _Found(kept.status, passed=True, message="the service accepts the credential", account=account or None)


def _note_verified(tx: Tx, ctx: Context, probe: _Probe, verdict: str, account: str | None) -> None:
    store.set_verification(tx, probe.connection.id, verdict, at=milliseconds(ctx.now), account=account)
    if account is not None:
        tx.touches_access = True
