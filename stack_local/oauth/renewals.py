"""Renewing credentials that end by themselves: one request however many calls wait, and nothing used before it is kept.

The order is the point: the service answers, the answer is sealed and durable, and only then does anybody use it. A
refresh token that was rotated and lost is lost for good.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from stack_local.domain.audit import Layer, Outcome
from stack_local.domain.errors import Forbidden, InvalidRequest, StackError, Unavailable, UpstreamFailed
from stack_local.domain.secrets import Secret
from stack_local.oauth import renewal as kept
from stack_local.oauth.renewal import Renewal
from stack_local.oauth.token_endpoint import TokenEndpoint
from stack_local.oauth.tokens_upstream import Tokens
from stack_local.oauth.upstream_answers import Dead, Later, Waiting
from stack_local.store import services as store
from stack_local.store.audit import Scribe
from stack_local.store.database import Database, Tx
from stack_local.store.services import SealedCredential
from stack_local.system import System
from stack_local.vault.credential_fields import decode_replaced, encode_fields
from stack_local.vault.credential_key import CredentialKey
from stack_local.vault.vault import Vault

ACTION = "credential.renew"
"""The record of each renewal, made or failed."""

RETRY_SECONDS = 15
"""A service that could not renew is not asked again before, unless it says itself for how long."""

MAX_RETRY_SECONDS = 300
"""What it says counts for at most: a person may have mended it meanwhile."""

PREVIOUS_HOURS = 24
"""How long a credential that was replaced is still looked for in answers (security-cases L-09)."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """An answer that is not kept yet: with a rotated refresh token it is the only one there will ever be."""

    asked: Renewal
    tokens: Tokens


class Renewals:
    """Renews the credentials of one vault. It lives on one event loop."""

    def __init__(
        self, *, database: Database, vault: Vault, endpoint: TokenEndpoint, scribe: Scribe, system: System
    ) -> None:
        self._database = database
        self._vault = vault
        self._endpoint = endpoint
        self._scribe = scribe
        self._system = system
        self._flights: dict[str, asyncio.Future[StackError | None]] = {}
        self._not_before: dict[str, tuple[float, str]] = {}
        self._answered: dict[str, _Answered] = {}
        vault.on_lock(self._answered.clear)

    async def renew(self, connection_id: str, *, stale: bytes) -> None:
        """Have another credential than the one sealed as `stale`; once, however many ask at once.

        Raises:
            Forbidden: rule `reconnect`; it is dead until a person connects it again.
            UpstreamFailed: not now.
            Locked: the vault was locked meanwhile.
        """
        flight = self._flights.get(connection_id)
        failed = await (self._fly(connection_id, stale) if flight is None else asyncio.shield(flight))
        if failed is not None:
            # Each caller has an error of its own: it writes into it which call failed.
            raise type(failed)(failed.message, code=failed.code, **failed.details)

    async def _fly(self, connection_id: str, stale: bytes) -> StackError | None:
        flight: asyncio.Future[StackError | None] = asyncio.get_running_loop().create_future()
        self._flights[connection_id] = flight
        failed: StackError | None = Unavailable("the renewal was interrupted", rule="renewal", hint="try again")
        try:
            failed = await self._attempt(connection_id, stale)
        except StackError as error:
            failed = error
        finally:
            del self._flights[connection_id]
            flight.set_result(failed)
        return failed

    async def _attempt(self, connection_id: str, stale: bytes) -> StackError | None:
        row = await self._database.read(lambda tx: store.get_credential(tx, connection_id))
        if row.sealed != stale:
            return None  # whoever came before has renewed it
        # Held to the end: a person who locks the vault meanwhile must not lose the answer that is on its way.
        key = self._vault.credential_key()
        outcome = await self._outcome(connection_id, row, key)
        match outcome:
            case _Answered():
                await self._database.write(lambda tx: self._keep(tx, key, connection_id, outcome))
                self._answered.pop(connection_id, None)
                self._not_before.pop(connection_id, None)
                return None
            case Dead():
                await self._database.write(lambda tx: self._bury(tx, row, outcome.reason))
                return _dead(row.place.provider)
            case Later():
                return await self._postpone(row, outcome)

    async def _outcome(self, connection_id: str, row: SealedCredential, key: CredentialKey) -> _Answered | Dead | Later:
        """What renewing came to; an answer that could not be kept the last time stands."""
        if row.renewal is None:
            return Dead("the credential has ended, and the service gave nothing to renew it with")
        renewal = kept.decode(key.open(row.place, row.renewal, part=".renewal"))
        waiting = self._answered.get(connection_id)
        if waiting is not None and waiting.asked == renewal:
            return waiting
        until, reason = self._not_before.get(connection_id, (0.0, ""))
        if self._system.monotonic() < until:
            return Later(reason)
        at = self._system.now()
        try:
            request = kept.request_of(renewal, at=at)
        except InvalidRequest as unusable:
            return Dead(unusable.message)
        asked = await self._endpoint.ask(request, private_allowed=renewal.server.private_allowed)
        if isinstance(asked, Later):
            return asked
        outcome = kept.outcome_of(renewal, asked, at=at)
        match outcome:
            case Tokens():
                answered = self._answered[connection_id] = _Answered(renewal, outcome)
                return answered
            case Waiting():
                return Later("the service says that somebody has to wait")
            case Dead() | Later():
                return outcome

    def _keep(self, tx: Tx, key: CredentialKey, connection_id: str, answered: _Answered) -> None:
        """Seal and keep it where the credential rests now: hosts may have been bound meanwhile, and it may be gone."""
        row = store.get_credential(tx, connection_id)
        place = row.place
        if row.renewal is None or kept.decode(key.open(place, row.renewal, part=".renewal")) != answered.asked:
            return  # another was connected in its place
        tokens, now = answered.tokens, self._system.now()
        (field,) = row.field_names
        renewal = kept.renewed(answered.asked, tokens)
        store.put_credential(
            tx,
            place,
            field_names=row.field_names,
            sealed=key.seal(place, encode_fields({field: tokens.access_token})),
            at=now,
            source=row.source,
            renewal=key.seal(place, kept.encode(renewal), part=".renewal"),
            expires_at=tokens.expires_at,
        )
        store.set_reconnect_reason(tx, connection_id, None)
        if tokens.scopes:
            store.set_service_scopes(tx, connection_id, tokens.scopes)
        self._record(tx, row, Outcome.SUCCESS)

    def _bury(self, tx: Tx, row: SealedCredential, reason: str) -> None:
        """Nothing works until a person connects it again. The credential stays: it may be the service that errs."""
        if store.get_credential(tx, row.place.connection_id).renewal != row.renewal:
            return  # another was connected in its place
        store.set_reconnect_reason(tx, row.place.connection_id, reason)
        self._record(tx, row, Outcome.FAILURE, code="RECONNECT", message=reason)

    async def _postpone(self, row: SealedCredential, later: Later) -> StackError:
        connection_id, now = row.place.connection_id, self._system.monotonic()
        if self._not_before.get(connection_id, (0.0, ""))[0] <= now:
            seconds = min(later.retry_after_seconds or RETRY_SECONDS, MAX_RETRY_SECONDS)
            self._not_before[connection_id] = (now + seconds, later.reason)
            await self._database.write(
                lambda tx: self._record(tx, row, Outcome.FAILURE, code="RENEWAL_FAILED", message=later.reason)
            )
        return UpstreamFailed(
            f"the credential of {row.place.provider} could not be renewed: {later.reason}",
            rule="renewal",
            hint="try again in a while",
        )

    def _record(
        self, tx: Tx, row: SealedCredential, outcome: Outcome, *, code: str | None = None, message: str | None = None
    ) -> None:
        self._scribe.write(
            tx,
            trace_id=self._system.new_id("claim").replace("pc_", "trc_"),
            actor="system",
            action=ACTION,
            outcome=outcome,
            layer=Layer.VAULT,
            decided_by="rule:clock",
            subject=row.place.provider,
            error_code=code,
            error_message=message,
            detail={"connection_id": row.place.connection_id},
        )

    def secrets_of(self, row: SealedCredential) -> tuple[Secret, ...]:
        """What else must not come back in an answer: refresh token, client secret, the credential before this one.

        Raises:
            Locked: the vault was locked meanwhile.
        """
        key = self._vault.credential_key()
        found: list[Secret] = []
        if row.renewal is not None:
            found += kept.decode(key.open(row.place, row.renewal, part=".renewal")).secrets
        is_recent = self._system.now() < row.sealed_at + timedelta(hours=PREVIOUS_HOURS)
        if row.previous is not None and row.previous_version is not None and is_recent:
            place = replace(row.place, version=row.previous_version)
            found += decode_replaced(key.open(place, row.previous, part=".previous")).fields.values()
        return tuple(found)


def _dead(provider: str) -> Forbidden:
    return Forbidden(
        f"the credential of {provider} no longer works",
        rule="reconnect",
        field="service",
        hint="ask a person to connect it again; until then every call is refused",
    )
