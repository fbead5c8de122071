"""Taking tokens back (RFC 7009): once a service is disconnected, it is told, as far as that can be done."""

from datetime import datetime, timedelta

from stack_local.domain.audit import Layer, Outcome
from stack_local.egress.client import InboundResponse
from stack_local.oauth import renewal as renewals
from stack_local.oauth.upstream import revocation_request
from stack_local.oauth.upstream_answers import Later
from stack_local.operations.context import Core
from stack_local.store import connecting as store
from stack_local.store.connecting import RevocationRow
from stack_local.store.database import Tx
from stack_local.store.services import SealedCredential
from stack_local.system import System

REFRESH_TOKEN = "refresh_token"  # noqa: S105 (a kind of token)

PAUSE_SECONDS = 60
"""Between two tries."""

TRY_MINUTES = 10
"""How long a service that does not answer is told again; then what renewed the credential is gone here too."""


def plan(tx: Tx, row: SealedCredential, *, at: datetime) -> None:
    """Have the service told, after the commit that disconnects it. It stays sealed, where it was."""
    if row.source == REFRESH_TOKEN and row.renewal is not None:
        store.put_revocation(tx, RevocationRow(row.place, row.renewal, at))


async def take_back(core: Core, system: System) -> None:
    """Tell the service of the oldest token that is to be taken back, if the vault is unlocked."""
    if not core.vault.is_unlocked:
        return
    now = system.now()
    row = await core.database.read(lambda tx: store.find_revocation(tx, now))
    if row is None:
        return
    renewal = renewals.decode(core.vault.credential_key().open(row.place, row.renewal, part=".renewal"))
    token, asked = renewal.refresh_token, None
    request = None
    if token is not None:
        request = revocation_request(renewal.server, renewal.client, token, hint=REFRESH_TOKEN)
    if request is not None:
        asked = await core.tokens.ask(request, private_allowed=renewal.server.private_allowed)
    if isinstance(asked, Later) and now < row.created_at + timedelta(minutes=TRY_MINUTES):
        until = now + timedelta(seconds=PAUSE_SECONDS)
        await core.database.write(lambda tx: store.postpone_revocation(tx, row.place.connection_id, until=until))
        return
    await core.database.write(lambda tx: _done(tx, core, system, row, asked))


def _done(tx: Tx, core: Core, system: System, row: RevocationRow, asked: InboundResponse | Later | None) -> None:
    store.delete_revocation(tx, row.place.connection_id)
    if asked is None:
        return  # the service has no such address
    is_told = isinstance(asked, InboundResponse) and asked.status < 300
    core.scribe.write(
        tx,
        trace_id=system.new_id("claim").replace("pc_", "trc_"),
        actor="system",
        action="credential.revoke",
        outcome=Outcome.SUCCESS if is_told else Outcome.FAILURE,
        layer=Layer.VAULT,
        decided_by="rule:disconnected",
        subject=row.place.provider,
        error_code=None if is_told else "NOT_TAKEN_BACK",
        detail={"connection_id": row.place.connection_id},
    )
