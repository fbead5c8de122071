"""Sealing a connection's credential with what renews it: the first time, in place of another, and for other hosts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from stack_local.domain.errors import Conflict
from stack_local.domain.secrets import Secret
from stack_local.domain.services import Place
from stack_local.oauth import renewal as renewals
from stack_local.oauth.renewal import Renewal
from stack_local.operations.context import Core
from stack_local.store import services as store
from stack_local.store.database import Tx
from stack_local.store.services import SealedCredential
from stack_local.system import from_milliseconds, milliseconds
from stack_local.vault.credential_fields import Replaced, decode_fields, decode_replaced, encode_fields, encode_replaced
from stack_local.wire.services import Connection


@dataclass(frozen=True, slots=True)
class Material:
    """A whole credential: what is injected, and what renews it."""

    fields: Mapping[str, Secret]
    """Empty where the first token is still to be had."""
    names: tuple[str, ...]
    source: str = store.TYPED
    renewal: Renewal | None = None
    expires_at: datetime | None = None


def typed(fields: Mapping[str, Secret]) -> Material:
    """A credential that a person typed."""
    return Material(fields, tuple(fields))


def place_of(connection: Connection) -> Place:
    """What its credential is bound to."""
    return Place(connection.id, connection.provider, tuple(connection.hosts), connection.credential_version)


def seal(tx: Tx, core: Core, place: Place, material: Material, *, at: datetime) -> None:
    """Keep a credential at its place."""
    key = core.vault.credential_key()
    renewal = material.renewal
    store.put_credential(
        tx,
        place,
        field_names=material.names,
        sealed=key.seal(place, encode_fields(material.fields)),
        at=at,
        source=material.source,
        renewal=None if renewal is None else key.seal(place, renewals.encode(renewal), part=".renewal"),
        expires_at=material.expires_at,
    )


def opened(core: Core, row: SealedCredential) -> Material:
    """The credential as it was sealed."""
    key = core.vault.credential_key()
    fields = decode_fields(key.open(row.place, row.sealed))
    renewal = None
    if row.renewal is not None:
        renewal = renewals.decode(key.open(row.place, row.renewal, part=".renewal"))
    return Material(fields, row.field_names, row.source, renewal, row.expires_at)


def put_in_place(tx: Tx, core: Core, connection_id: str, material: Material, *, at: datetime) -> None:
    """Another credential in place of the live one, which is kept for undo. The version grows."""
    row = store.get_credential(tx, connection_id)
    before = opened(core, row)
    place = replace(row.place, version=_next_version(row))
    seal(tx, core, place, material, at=at)
    _keep_previous(tx, core, row.place, before)
    store.set_credential_version(tx, connection_id, place.version)
    store.set_reconnect_reason(tx, connection_id, None)


def swap_back(tx: Tx, core: Core, connection_id: str, *, at: datetime) -> None:
    """The credential before the live one, which takes its place. The version grows.

    Raises:
        Conflict: there is none.
    """
    row = store.get_credential(tx, connection_id)
    found = _previous(core, row)
    if found is None:
        raise Conflict("there is no credential before this one", field="connection_id", rule="rotated at least once")
    put_in_place(tx, core, connection_id, found, at=at)


def rebind(tx: Tx, core: Core, row: SealedCredential, hosts: tuple[str, ...]) -> None:
    """Seal everything of a credential again, for other hosts."""
    live, previous = opened(core, row), _previous(core, row)
    place = replace(row.place, hosts=hosts)
    seal(tx, core, place, live, at=row.sealed_at)
    if previous is not None and row.previous_version is not None:
        _keep_previous(tx, core, replace(place, version=row.previous_version), previous)


def _next_version(row: SealedCredential) -> int:
    return max(row.place.version, row.previous_version or 0) + 1


def _keep_previous(tx: Tx, core: Core, place: Place, material: Material) -> None:
    renewal = material.renewal
    replaced = Replaced(
        fields=material.fields,
        source=material.source,
        renewal=None if renewal is None else Secret(renewals.encode(renewal).decode()),
        expires_at_milliseconds=None if material.expires_at is None else milliseconds(material.expires_at),
    )
    sealed = core.vault.credential_key().seal(place, encode_replaced(replaced), part=".previous")
    store.put_previous(tx, place.connection_id, sealed=sealed, version=place.version, field_names=material.names)


def _previous(core: Core, row: SealedCredential) -> Material | None:
    if row.previous is None or row.previous_version is None:
        return None
    place = replace(row.place, version=row.previous_version)
    replaced = decode_replaced(core.vault.credential_key().open(place, row.previous, part=".previous"))
    end = replaced.expires_at_milliseconds
    return Material(
        fields=replaced.fields,
        names=row.previous_field_names,
        source=replaced.source,
        renewal=None if replaced.renewal is None else renewals.decode(replaced.renewal.reveal().encode()),
        expires_at=None if end is None else from_milliseconds(end),
    )
