"""The authorization server as the surface asks it: each call is one transaction."""

from collections.abc import Callable
from datetime import datetime, timedelta

from authlib.oauth2 import OAuth2Error

from stack_local.domain.consents import REFRESH_IDLE_DAYS, Consent
from stack_local.oauth.authorization import AuthorizationEndpoint
from stack_local.oauth.client_documents import ClientDocuments, Sender
from stack_local.oauth.core import Core, CoreRequest, Response, check_form
from stack_local.oauth.device import begin_device
from stack_local.oauth.grants import core_over
from stack_local.oauth.ground import Ground, Pairs
from stack_local.oauth.introspection import introspect
from stack_local.oauth.registration import UNUSED_HOURS, register
from stack_local.oauth.revocation import end_unredeemed
from stack_local.store import authorization_requests as requests
from stack_local.store import clients, consents
from stack_local.store.database import Database, Tx


class AuthorizationServer:
    """Registration, tokens and their end; the authorization endpoint stands beside it."""

    def __init__(self, database: Database, ground: Ground, sender: Sender) -> None:
        """`sender` fetches clients' documents, where a person allows it."""
        self._database = database
        self.ground = ground
        self.documents = ClientDocuments(database, ground, sender)
        self.authorization = AuthorizationEndpoint(database, ground, self.documents)
        self._swept_at: datetime | None = None

    async def register(self, raw_metadata: object) -> dict[str, object]:
        """RFC 7591, section 3.

        Raises:
            InvalidClientMetadata, TooMany: refused.
        """
        return await self._database.write(lambda tx: register(tx, self.ground, raw_metadata, self.ground.system.now()))

    async def token(self, pairs: Pairs) -> Response:
        """RFC 6749, section 3.2: status, JSON, headers."""

        def answered(core: Core) -> Response:
            made: Response = core.create_token_response(CoreRequest("POST", pairs))
            if made[0] == 200 and core.consent is not None:
                self._record_token(core.tx, core.consent, dict(pairs).get("grant_type", ""))
            return made

        return await self._answer(pairs, answered)

    def _record_token(self, tx: Tx, consent: Consent, grant_type: str) -> None:
        self.ground.record(
            tx,
            "token.issue",
            actor=f"client:{consent.client_id}",
            agent_id=consent.agent_id,
            subject=consent.id,
            grant_type=grant_type,
        )

    async def revoke(self, pairs: Pairs) -> Response:
        """RFC 7009: the token's consent is over, with every token of it."""

        def answered(core: Core) -> Response:
            made: Response = core.create_endpoint_response("revocation", CoreRequest("POST", pairs))
            return made

        return await self._answer(pairs, answered)

    async def begin_device(self, pairs: Pairs) -> Response:
        """RFC 8628, section 3.1: for our own command."""
        return await self._answer(pairs, lambda core: begin_device(core, pairs))

    async def _answer(self, pairs: Pairs, answered: Callable[[Core], Response]) -> Response:
        """One transaction. What a refusal has changed (a code spent, a consent ended) is kept with it."""

        def within(tx: Tx) -> Response:
            core = core_over(tx, self.ground)
            try:
                check_form(pairs)
                return answered(core)
            except OAuth2Error as error:
                refused: Response = core.handle_error_response(None, error)
                return refused

        return await self._database.write(within)

    async def introspect(self, raw_token: str, sees: Callable[[Tx], frozenset[str] | None]) -> dict[str, object]:
        """RFC 7662, section 2.2; `sees`: the agents of the one that asks, None for all."""
        return await self._database.read(lambda tx: introspect(tx, self.ground, raw_token, seen=sees(tx)))

    async def sweep(self) -> None:
        """Forget what is over: old requests and consents, log-ins that came to nothing, clients nobody let in."""
        now = self.ground.system.now()
        kept_since = now - timedelta(hours=UNUSED_HOURS)

        def swept(tx: Tx) -> None:
            end_unredeemed(tx, self.ground, now)
            requests.delete_old(tx, before=kept_since)
            consents.delete_over(tx, ended_before=now, used_before=now - timedelta(days=REFRESH_IDLE_DAYS))
            clients.delete_unused(tx, before=kept_since)

        if await self._database.read(lambda tx: bool(requests.list_unredeemed(tx, now))) or self._is_sweep_due(now):
            await self._database.write(swept)

    def _is_sweep_due(self, now: datetime) -> bool:
        is_due = self._swept_at is None or now >= self._swept_at + timedelta(hours=1)
        self._swept_at = now if is_due else self._swept_at
        return is_due
