"""API keys: mint, list, revoke."""

import base64
import hashlib
from datetime import timedelta

from pydantic import SecretStr

from stack_local.domain.errors import InvalidRequest
from stack_local.operations.binding import handles
from stack_local.operations.context import Context
from stack_local.store import agents
from stack_local.store import keys as store
from stack_local.store.database import Tx
from stack_local.system import System, milliseconds
from stack_local.wire.keys import ApiKey, ApiKeys, CreatedKey, CreateKey, ListKeys, RevokeKey

PREFIX = "sk_live_"
"""What an API key begins with (product.md 0)."""

SHOWN = len(PREFIX) + 6
"""Characters of a key that may be seen again."""

APPROVER_SECONDS = 24 * 3600
"""An approver's key lives at most this long (house decision 2)."""

ADMIN_WARNING = "this key can do everything but decide, reveal and mint: never give it to an agent"


@handles(CreateKey)
def create_key(tx: Tx, ctx: Context, request: CreateKey) -> CreatedKey:
    """Mint a key; only its hash is kept."""
    _check(tx, request)
    value = new_key(ctx.ports.system)
    seconds = APPROVER_SECONDS if request.preset == "approver" else None
    lifetime = request.expires_in_seconds or seconds
    key = ApiKey(
        id=ctx.ports.system.new_id("key"),
        preset=request.preset,
        label=request.label,
        shown=value[:SHOWN],
        agent_id=request.agent_id,
        decides_agents=list(request.decides_agents),
        decides_services=list(request.decides_services),
        created_at=ctx.now,
        expires_at=None if lifetime is None else ctx.now + timedelta(seconds=lifetime),
        revoked_at=None,
    )
    store.insert(tx, key, key_hash=hash_key(value))
    ctx.note(subject=key.id, agent_id=key.agent_id, preset=key.preset)
    warning = ADMIN_WARNING if key.preset == "admin" else None
    return CreatedKey(api_key=SecretStr(value), key=key, warning=warning)


def new_key(system: System) -> str:
    """A fresh key: 256 random bits behind its prefix."""
    return PREFIX + base64.urlsafe_b64encode(system.random_bytes(32)).rstrip(b"=").decode()


def hash_key(value: str) -> str:
    """How a key is kept: it is random, so a plain hash tells nothing."""
    return hashlib.sha256(value.encode()).hexdigest()


def _check(tx: Tx, request: CreateKey) -> None:
    if request.agent_id is not None:
        agents.get(tx, request.agent_id)
        if request.preset != "agent":
            raise InvalidRequest("only an agent key stands for an agent", field="agent_id", rule="preset agent")
    names_scope = bool(request.decides_agents) and bool(request.decides_services)
    if request.preset == "approver" and not names_scope:
        raise InvalidRequest(
            "an approver decides for named agents and services",
            field="decides_agents" if not request.decides_agents else "decides_services",
            rule="at least one of each",
        )
    if request.preset != "approver" and (request.decides_agents or request.decides_services):
        named = "decides_agents" if request.decides_agents else "decides_services"
        raise InvalidRequest("only an approver decides", field=named, rule="preset approver")
    if request.preset == "approver" and (request.expires_in_seconds or 0) > APPROVER_SECONDS:
        raise InvalidRequest(
            "an approver's key lives too long", field="expires_in_seconds", rule=f"at most {APPROVER_SECONDS}"
        )


@handles(ListKeys)
def list_keys(tx: Tx, ctx: Context, request: ListKeys) -> ApiKeys:
    """Every key without its value."""
    return ApiKeys(items=store.list_(tx))


@handles(RevokeKey)
def revoke_key(tx: Tx, ctx: Context, request: RevokeKey) -> ApiKey:
    """End a key at once."""
    store.get(tx, request.key_id)
    store.revoke(tx, request.key_id, at=milliseconds(ctx.now))
    ctx.note(subject=request.key_id)
    return store.get(tx, request.key_id)
