"""A log-in at a service, from its beginning to what is shown of it. How it ends: `logging_in.py`."""

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import timedelta

from stack_local.domain.errors import TooMany
from stack_local.domain.secrets import Secret
from stack_local.oauth.upstream import CALLBACK_PATH, Client, LogIn, authorization_url
from stack_local.operations.context import Context, Core
from stack_local.operations.drafts import Draft, encode_draft
from stack_local.store import connecting as store
from stack_local.store import services
from stack_local.store.connecting import AttemptRow, Flow, Status
from stack_local.store.database import Tx
from stack_local.wire.connecting import ConnectAttempt

MINUTES = 10
"""How long a log-in waits for its code (security-cases O-33)."""

MAX_WAITING = 32
"""Log-ins that wait at once."""

KEPT_DAYS = 1
"""How long it can be seen how one ended."""

VALUE_BYTES = 32
"""Of a state and of a verifier: unguessable (RFC 6749, section 10.10; RFC 7636, section 7.1)."""


@dataclass(frozen=True, slots=True)
class Errand:
    """The sealed part of a log-in: what it is for, and what it proves itself with."""

    draft: str
    client: Client
    state: Secret
    verifier: Secret
    redirect_uri: str
    authorization_url: str | None = None
    device_code: Secret | None = None

    def login(self, scopes: tuple[str, ...]) -> LogIn:
        """As the authorization server is shown it."""
        return LogIn(self.client, scopes, self.redirect_uri, self.state, self.verifier)


def begin(tx: Tx, ctx: Context, draft: Draft, client: Client, flow: Flow) -> tuple[AttemptRow, Errand]:
    """A new log-in that waits.

    Raises:
        TooMany: enough of them wait.
    """
    store.delete_old(tx, before=ctx.now - timedelta(days=KEPT_DAYS))
    if len(store.list_waiting(tx, ctx.now)) >= MAX_WAITING:
        raise TooMany("enough log-ins wait", rule=f"at most {MAX_WAITING}", retry_after_seconds=60 * MINUTES)
    errand = _errand(ctx, draft, client, flow)
    services.keep_template(tx, draft.template)
    row = AttemptRow(
        id=ctx.ports.system.new_id("attempt"),
        provider=draft.template.provider,
        name=draft.name,
        flow=flow,
        template_hash=draft.template.hash,
        state_hash=hash_state(errand.state.reveal()) if flow is Flow.CODE else None,
        sealed=None,
        asked_by=ctx.actor.label,
        next_at=ctx.now,
        created_at=ctx.now,
        expires_at=ctx.now + timedelta(minutes=MINUTES),
    )
    row = replace(row, sealed=sealed(ctx.core, row, errand))
    store.insert(tx, row)
    return row, errand


def _errand(ctx: Context, draft: Draft, client: Client, flow: Flow) -> Errand:
    redirect_uri = ctx.ports.appliance.base_url + CALLBACK_PATH
    errand = Errand(encode_draft(draft), client, _new_value(ctx), _new_value(ctx), redirect_uri)
    oauth = draft.template.oauth
    if flow is not Flow.CODE or oauth is None:
        return errand
    url = authorization_url(oauth, draft.placeholders, errand.login(draft.service_scopes))
    return replace(errand, authorization_url=url)


def _new_value(ctx: Context) -> Secret:
    random = ctx.ports.system.random_bytes(VALUE_BYTES)
    return Secret(base64.urlsafe_b64encode(random).rstrip(b"=").decode())


def hash_state(state: str) -> str:
    """How a state is kept: it is random, so a plain hash tells nothing."""
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


def sealed(core: Core, row: AttemptRow, errand: Errand) -> bytes:
    """The sealed part of this log-in."""
    secret, device_code = errand.client.client_secret, errand.device_code
    plain = {
        "draft": errand.draft,
        "client_id": errand.client.client_id,
        "client_secret": None if secret is None else secret.reveal(),
        "state": errand.state.reveal(),
        "verifier": errand.verifier.reveal(),
        "redirect_uri": errand.redirect_uri,
        "authorization_url": errand.authorization_url,
        "device_code": None if device_code is None else device_code.reveal(),
    }
    return core.vault.credential_key().seal(row.place, json.dumps(plain).encode())


def opened(core: Core, row: AttemptRow) -> Errand | None:
    """The sealed part of a log-in; None once it is over."""
    if row.sealed is None:
        return None
    plain = json.loads(core.vault.credential_key().open(row.place, row.sealed))
    secret, device_code = plain["client_secret"], plain["device_code"]
    return Errand(
        draft=plain["draft"],
        client=Client(plain["client_id"], None if secret is None else Secret(secret)),
        state=Secret(plain["state"]),
        verifier=Secret(plain["verifier"]),
        redirect_uri=plain["redirect_uri"],
        authorization_url=plain["authorization_url"],
        device_code=None if device_code is None else Secret(device_code),
    )


def view(ctx: Context, row: AttemptRow, errand: Errand | None) -> ConnectAttempt:
    """What is shown of it. The address holds the state: whoever has it could log in as somebody else."""
    is_over = row.status in (Status.WAITING, Status.REDEEMING) and ctx.now >= row.expires_at
    is_shown = ctx.actor.may_loosen and row.status is Status.WAITING and not is_over and errand is not None
    return ConnectAttempt(
        id=row.id,
        provider=row.provider,
        name=row.name,
        flow=row.flow.value,
        status="expired" if is_over else row.status.value,
        reason=row.reason,
        authorization_url=errand.authorization_url if is_shown and errand is not None else None,
        user_code=row.user_code,
        verification_uri=row.verification_uri,
        connection_id=row.connection_id,
        asked_by=row.asked_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
