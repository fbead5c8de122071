"""Opened credentials: kept in memory while the vault is unlocked, so that a call does not wait for the disk.

One that ends by itself is renewed before it does, by whoever `app.py` hands in.
"""

import asyncio
import ssl
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from stack_local.domain.errors import Unavailable, UpstreamFailed
from stack_local.domain.renewals import renew_at
from stack_local.domain.secrets import Secret
from stack_local.domain.services import Connection
from stack_local.egress.tls import CERTIFICATE, context_of
from stack_local.proxy.inject import Fields
from stack_local.proxy.scrub import Scrubber
from stack_local.service_templates import ServiceTemplate
from stack_local.store import services as store
from stack_local.store.database import Database
from stack_local.system import System
from stack_local.vault.credential_fields import decode_fields
from stack_local.vault.references import Keepers, names_reference
from stack_local.vault.vault import Vault

FRESH_SECONDS = 60
"""A token this young that a service refuses is not renewed: another would fare no better."""

REMEMBERED_SECONDS = 600
"""How long a renewed token is still looked for in answers: calls made with it are under way, and services keep logs."""


KEPT_ELSEWHERE_SECONDS = 60
"""How long a secret that somebody else keeps is used before that one is asked again."""


class Renewer(Protocol):
    """What renews a credential and keeps the new one."""

    async def renew(self, connection_id: str, *, stale: bytes) -> None:
        """Have another credential than the one sealed as `stale`; once, however many ask at once.

        Raises:
            Forbidden: rule `reconnect`; it is dead until a person connects it again.
            UpstreamFailed: not now.
            Locked: the vault was locked meanwhile.
        """
        ...

    def secrets_of(self, row: store.SealedCredential) -> tuple[Secret, ...]:
        """What else must not come back in an answer: refresh token, client secret, the credential before this one."""
        ...


@dataclass(frozen=True, slots=True)
class OpenCredential:
    """One connection's secrets, and what finds their echo."""

    fields: Fields
    scrubber: Scrubber
    sealed: bytes
    """As it rests: tells one credential of a connection from the next."""
    sealed_at: datetime
    expires_at: datetime | None = None
    renew_at: datetime | None = None
    """From when on it is renewed before it is used; None: it is good until somebody says otherwise."""
    is_renewable: bool = False
    ask_again_at: datetime | None = None
    """From when on whoever keeps it elsewhere is asked again."""
    tls: ssl.SSLContext | None = None
    """Where the service needs another than every other service."""

    @property
    def mark(self) -> tuple[bytes, datetime | None]:
        """What tells it from another that was opened in its place."""
        return self.sealed, self.ask_again_at


class Credentials:
    """Opens each credential once for its version and forgets all when the vault is locked."""

    def __init__(
        self, database: Database, vault: Vault, system: System, renewer: Renewer, keepers: Keepers | None = None
    ) -> None:
        """`keepers` finds what is only named here and kept elsewhere."""
        self._database = database
        self._vault = vault
        self._system = system
        self._renewer = renewer
        self._keepers = keepers
        self._open: dict[tuple[str, int, int], OpenCredential] = {}
        self._renewed: dict[str, list[tuple[datetime, Secret]]] = {}
        """Tokens that were renewed a while ago, by connection: until when they are looked for, and what they are."""
        self._opening: dict[str, asyncio.Lock] = {}
        vault.on_lock(self.forget)

    async def open(self, connection: Connection) -> OpenCredential:
        """The credential of a connection, as it is now; renewed where it is about to end.

        Raises:
            Locked: the vault was locked meanwhile.
            NotFound: the connection lost its credential.
            Forbidden: rule `reconnect`; it can no longer be renewed.
            UpstreamFailed: it has ended, and cannot be renewed now.
        """
        key = (connection.id, connection.version, connection.credential_version)
        known = self._open.get(key)
        if known is None or (known.ask_again_at is not None and self._system.now() >= known.ask_again_at):
            known = await self._load(key, before=known)
        if known.renew_at is None or self._system.now() < known.renew_at:
            return known
        return await self._renew(key, known)

    async def _renew(self, key: tuple[str, int, int], known: OpenCredential) -> OpenCredential:
        try:
            await self._renewer.renew(key[0], stale=known.sealed)
        except UpstreamFailed:
            if known.expires_at is not None and self._system.now() >= known.expires_at:
                raise
            # It may be good for a while still, and the service says so itself where it is not.
            return known
        return await self._load(key, before=known)

    def _remember(self, connection_id: str, known: OpenCredential) -> None:
        now = self._system.now()
        held = [(until, secret) for until, secret in self._renewed.get(connection_id, []) if now < until]
        until = now + timedelta(seconds=REMEMBERED_SECONDS)
        self._renewed[connection_id] = held + [(until, secret) for secret in known.fields.values()]

    async def _load(self, key: tuple[str, int, int], *, before: OpenCredential | None = None) -> OpenCredential:
        """Open it from the disk: once, however many wait for it, since the search for its echo costs milliseconds."""
        async with self._opening.setdefault(key[0], asyncio.Lock()):
            known = self._open.get(key)
            if known is not None and (before is None or known.mark != before.mark):
                return known
            if before is not None and before.is_renewable:
                self._remember(key[0], before)
            return await self._read(key)

    async def _read(self, key: tuple[str, int, int]) -> OpenCredential:
        row, template, ca = await self._database.read(
            lambda tx: (store.get_credential(tx, key[0]), store.template_of(tx, key[0]), store.ca_of(tx, key[0]))
        )
        fields: Fields = decode_fields(self._vault.credential_key().open(row.place, row.sealed))
        ask_again_at = None
        if names_reference(fields):
            fields = await self._kept_elsewhere(fields)
            ask_again_at = self._system.now() + timedelta(seconds=KEPT_ELSEWHERE_SECONDS)
        opened = replace(self._opened(row, template, fields), ask_again_at=ask_again_at, tls=context_of(fields, ca))
        # One for each connection: what it was before is used by nobody but the calls that have it.
        self._open = {known: held for known, held in self._open.items() if known[0] != key[0]} | {key: opened}
        return opened

    async def _kept_elsewhere(self, fields: Fields) -> Fields:
        if self._keepers is None:
            raise Unavailable("the credential is kept elsewhere, and nobody can be asked for it", rule="reference")
        return await self._keepers.filled(fields)

    def _opened(self, row: store.SealedCredential, template: ServiceTemplate | None, fields: Fields) -> OpenCredential:
        place, now = row.place, self._system.now()
        renewed = [secret for until, secret in self._renewed.get(place.connection_id, []) if now < until]
        # A region or an account's name stands in every other answer, and is nobody's secret.
        plain_names = (
            {CERTIFICATE} if template is None else {field.name for field in template.fields if not field.secret}
        )
        live = [secret for name, secret in fields.items() if name not in plain_names]
        scrubber = Scrubber([*live, *self._renewer.secrets_of(row), *renewed])
        end, is_renewable = row.expires_at, row.renewal is not None
        due = renew_at(obtained_at=row.sealed_at, expires_at=end) if end is not None and is_renewable else end
        return OpenCredential(fields, scrubber, row.sealed, row.sealed_at, end, due, is_renewable)

    def refused(self, connection: Connection, known: OpenCredential) -> None:
        """The service answered 401 to it. One that can be renewed is, before the next call; none is sent again.

        A service that answers 401 to everything has it renewed once a minute at most.
        """
        key = (connection.id, connection.version, connection.credential_version)
        now = self._system.now()
        is_fresh = now < known.sealed_at + timedelta(seconds=FRESH_SECONDS)
        if not known.is_renewable or is_fresh or self._open.get(key) is not known:
            return
        self._open[key] = replace(known, renew_at=now)

    def forget(self) -> None:
        """Drop every opened credential."""
        self._open.clear()
        self._renewed.clear()
