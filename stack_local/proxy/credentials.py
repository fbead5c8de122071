"""Opened credentials: kept in memory while the vault is unlocked, so that a call does not wait for the disk."""

import json
from dataclasses import dataclass

from stack_local.domain.secrets import Secret
from stack_local.domain.services import Connection
from stack_local.proxy.inject import SINGLE, Fields
from stack_local.proxy.scrub import Scrubber
from stack_local.service_templates import ServiceTemplate
from stack_local.store import services as store
from stack_local.store.database import Database
from stack_local.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class OpenCredential:
    """One connection's secrets, and what finds their echo."""

    fields: Fields
    scrubber: Scrubber


class Credentials:
    """Opens each credential once for its version and forgets all when the vault is locked."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._open: dict[tuple[str, int, int], OpenCredential] = {}
        vault.on_lock(self.forget)

    async def open(self, connection: Connection) -> OpenCredential:
        """The credential of a connection, as it is now.

        Raises:
            Locked: the vault was locked meanwhile.
            NotFound: the connection lost its credential.
        """
        key = (connection.id, connection.version, connection.credential_version)
        known = self._open.get(key)
        if known is not None:
            return known
        row, template = await self._database.read(
            lambda tx: (store.get_credential(tx, connection.id), store.template_of(tx, connection.id))
        )
        opened = self._opened(row, template)
        self._open[key] = opened
        return opened

    def _opened(self, row: store.SealedCredential, template: ServiceTemplate | None) -> OpenCredential:
        plain = self._vault.open_credential(
            row.sealed, row_id=row.connection_id, service=row.provider, hosts=row.hosts, version=row.version
        )
        fields = decode_fields(plain)
        # A region or an account's name stands in every other answer, and is nobody's secret.
        plain_names = set() if template is None else {field.name for field in template.fields if not field.secret}
        return OpenCredential(fields, Scrubber(secret for name, secret in fields.items() if name not in plain_names))

    def forget(self) -> None:
        """Drop every opened credential."""
        self._open.clear()


def encode_fields(fields: Fields) -> bytes:
    """A credential's fields for sealing."""
    return json.dumps({name: secret.reveal() for name, secret in fields.items()}).encode()


def decode_fields(plain: bytes) -> dict[str, Secret]:
    """The fields that `encode_fields` gave."""
    return {name: Secret(value) for name, value in json.loads(plain).items()}


def single(value: str) -> dict[str, Secret]:
    """A credential that is one string."""
    return {SINGLE: Secret(value)}
