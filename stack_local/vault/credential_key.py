"""The credential key, held for one piece of work: what was begun with it ends, even if somebody locks the vault."""

from typing import Literal

from stack_local.domain.services import Place
from stack_local.system import System
from stack_local.vault import seal
from stack_local.vault.keys import KeyMaterial

Part = Literal["", ".renewal", ".previous"]
"""What of a connection's credential: the live one, what renews it, the one before. None opens as another."""


class CredentialKey:
    """Seals and opens what belongs to a connection's credential. Whoever holds one lets it go within seconds."""

    __slots__ = ("_key", "_system")

    def __init__(self, key: KeyMaterial, system: System) -> None:
        self._key = key
        self._system = system

    def seal(self, place: Place, plain: bytes, *, part: Part = "") -> bytes:
        """One part, readable only at its place."""
        return seal.seal_credential(
            self._key,
            plain,
            row_id=place.connection_id + part,
            service=place.provider,
            hosts=place.hosts,
            version=place.version,
            system=self._system,
        )

    def open(self, place: Place, sealed: bytes, *, part: Part = "") -> bytes:
        """One part.

        Raises:
            Unavailable: it was sealed for another place, or as another part.
        """
        return seal.open_credential(
            self._key,
            sealed,
            row_id=place.connection_id + part,
            service=place.provider,
            hosts=place.hosts,
            version=place.version,
        )
