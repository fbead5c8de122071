"""Connections and their sealed credentials."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from stack_local.domain.actions import CUSTOM, ServiceRules
from stack_local.domain.errors import InvalidRequest, NotFound
from stack_local.domain.services import Connection, Injection, InjectionStyle, Place
from stack_local.domain.urls import HostPort, parse_host_port
from stack_local.service_templates import ServiceTemplate
from stack_local.store.database import Row, Tx, remembered
from stack_local.system import from_milliseconds, milliseconds
from stack_local.wire import services as wire
from stack_local.wire.credentials import CredentialMetadata

PARSED = 256
"""Columns whose text has been read once: every call reads the same few, and equal text reads the same."""


TYPED = "typed"
"""The source of a credential that a person typed: nothing renews it."""

_SELECT = "SELECT c.*, t.document FROM connections c LEFT JOIN templates t ON t.hash = c.template_hash"


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A credential as it rests: bytes that only the vault opens, bound to their place."""

    place: Place
    sealed: bytes
    field_names: tuple[str, ...]
    source: str
    """`typed`, or what renews it."""
    renewal: bytes | None
    """What renews it; None for a typed one, and where the service gave nothing to renew with."""
    sealed_at: datetime
    expires_at: datetime | None
    previous: bytes | None
    previous_version: int | None
    previous_field_names: tuple[str, ...]


def get(tx: Tx, connection_id: str) -> wire.Connection:
    """One connection, disconnected ones included.

    Raises:
        NotFound: there is none of that id.
    """
    return _view(_row(tx, connection_id))


@remembered
def resolve(tx: Tx, service: str) -> Connection:
    """The one connected connection that a slug or id names, as the rules see it.

    Raises:
        NotFound: none is connected under that name.
        InvalidRequest: the slug names several; the message lists them.
    """
    rows = tx.all(
        f"{_SELECT} WHERE (c.id = :service OR c.provider = :service) AND c.status = 'connected' ORDER BY c.id",
        service=service,
    )
    if not rows:
        raise NotFound(f"no service {service} is connected", field="service", hint="see stack_list_services")
    if len(rows) > 1:
        names = ", ".join(row["id"] for row in rows)
        raise InvalidRequest(
            f"service {service} names several connections",
            field="service",
            rule="one of them",
            hint=f"use one of {names}",
        )
    return _rule(rows[0])


@remembered
def get_rule(tx: Tx, connection_id: str) -> Connection:
    """One connection as the rules see it, disconnected ones included."""
    return _rule(_row(tx, connection_id))


def verify_path(tx: Tx, connection_id: str) -> str | None:
    """The harmless path named at connect."""
    path = _row(tx, connection_id)["verify_path"]
    return None if path is None else str(path)


def ca_of(tx: Tx, connection_id: str) -> str | None:
    """The authorities it trusts besides the public ones, in PEM."""
    ca = _row(tx, connection_id)["ca"]
    return None if ca is None else str(ca)


def list_(tx: Tx) -> list[wire.Connection]:
    """Every connected connection, oldest first."""
    return [_view(row) for row in tx.all(f"{_SELECT} WHERE c.status = 'connected' ORDER BY c.connected_at, c.id")]


def insert(
    tx: Tx,
    connection: wire.Connection,
    *,
    verify_path: str | None,
    template: ServiceTemplate | None = None,
    placeholders: Mapping[str, str] | None = None,
    ca: str | None = None,
) -> None:
    """Keep a new connection, with its copy of its template; `ca`, in PEM: whom it trusts besides the public ones."""
    if template is not None:
        keep_template(tx, template)
    tx.execute(
        "INSERT INTO connections (id, provider, name, description, account, status, hosts, injection, scopes, "
        "asks_everything, verify_path, verification, version, credential_version, connected_by, connected_at, "
        "template_hash, base_url, placeholders, service_scopes, ca, ca_fingerprints) "
        "VALUES (:id, :provider, :name, :description, :account, 'connected', :hosts, :injection, :scopes, "
        ":asks_everything, :verify_path, 'never', :version, :credential_version, :connected_by, :at, "
        ":template_hash, :base_url, :placeholders, :service_scopes, :ca, :ca_fingerprints)",
        id=connection.id,
        provider=connection.provider,
        name=connection.name,
        description=connection.description,
        account=connection.account,
        hosts=json.dumps(connection.hosts),
        injection=connection.injection.model_dump_json(),
        scopes=json.dumps(connection.scopes),
        asks_everything=int(connection.asks_everything),
        verify_path=verify_path,
        version=connection.version,
        credential_version=connection.credential_version,
        connected_by=connection.connected_by,
        at=milliseconds(connection.connected_at),
        template_hash=None if template is None else template.hash,
        base_url=connection.base_url,
        placeholders=json.dumps(placeholders or {}),
        service_scopes=json.dumps(connection.service_scopes),
        ca=ca,
        ca_fingerprints=json.dumps(connection.ca_fingerprints),
    )


def keep_template(tx: Tx, template: ServiceTemplate) -> None:
    """Keep a copy of it, by its hash."""
    tx.execute(
        "INSERT INTO templates VALUES (:hash, :provider, :document) ON CONFLICT (hash) DO NOTHING",
        hash=template.hash,
        provider=template.provider,
        document=template.document,
    )


def template_of(tx: Tx, connection_id: str) -> ServiceTemplate | None:
    """A connection's own copy of its template; None for a custom service."""
    row = tx.find(
        "SELECT t.hash, t.document FROM connections c JOIN templates t ON t.hash = c.template_hash WHERE c.id = :id",
        id=connection_id,
    )
    return None if row is None else _template(row["document"])


def find_template(tx: Tx, template_hash: str) -> ServiceTemplate | None:
    """A template that was kept."""
    row = tx.find("SELECT document FROM templates WHERE hash = :hash", hash=template_hash)
    return None if row is None else _template(row["document"])


def replace_template(
    tx: Tx,
    connection_id: str,
    template: ServiceTemplate,
    *,
    injection: Injection,
    hosts: Iterable[str],
    base_url: str | None,
) -> None:
    """Give a connection a newer template; the version grows, so that older approvals no longer match."""
    keep_template(tx, template)
    tx.execute(
        "UPDATE connections SET template_hash = :hash, description = :description, injection = :injection, "
        "hosts = :hosts, base_url = :base_url, version = version + 1 WHERE id = :id",
        hash=template.hash,
        description=template.description,
        injection=wire.InjectionSpec.of(injection).model_dump_json(),
        hosts=json.dumps(list(hosts)),
        base_url=base_url,
        id=connection_id,
    )


def bind_hosts(tx: Tx, connection_id: str, hosts: list[str]) -> None:
    """Set the hosts; the version grows, so that older approvals no longer match."""
    tx.execute(
        "UPDATE connections SET hosts = :hosts, version = version + 1 WHERE id = :id",
        hosts=json.dumps(hosts),
        id=connection_id,
    )


def set_verification(tx: Tx, connection_id: str, verdict: str, *, at: int, account: str | None = None) -> None:
    """Note what the service said to its credential, and whose account it is where a person named none."""
    tx.execute(
        "UPDATE connections SET verification = :verdict, verified_at = :at, account = COALESCE(account, :account) "
        "WHERE id = :id",
        account=account,
        verdict=verdict,
        at=at,
        id=connection_id,
    )


def disconnect(tx: Tx, connection_id: str) -> None:
    """Destroy the credential and the grants; the row stays for the log."""
    tx.execute("DELETE FROM credentials WHERE connection_id = :id", id=connection_id)
    tx.execute("DELETE FROM grants WHERE connection_id = :id", id=connection_id)
    tx.execute("UPDATE connections SET status = 'disconnected', version = version + 1 WHERE id = :id", id=connection_id)


def put_credential(
    tx: Tx,
    place: Place,
    *,
    field_names: Iterable[str],
    sealed: bytes,
    at: datetime,
    source: str = TYPED,
    renewal: bytes | None = None,
    expires_at: datetime | None = None,
) -> None:
    """Keep the sealed credential of a connection, with what renews it; the one before it stays where it is."""
    tx.execute(
        "INSERT INTO credentials (connection_id, field_names, sealed, version, created_at, source, renewal, "
        "expires_at) VALUES (:id, :names, :sealed, :version, :at, :source, :renewal, :expires_at) "
        "ON CONFLICT (connection_id) DO UPDATE SET field_names = :names, sealed = :sealed, version = :version, "
        "created_at = :at, source = :source, renewal = :renewal, expires_at = :expires_at",
        id=place.connection_id,
        names=json.dumps(sorted(field_names)),
        sealed=sealed,
        version=place.version,
        at=milliseconds(at),
        source=source,
        renewal=renewal,
        expires_at=None if expires_at is None else milliseconds(expires_at),
    )
    tx.touches_access = True


def put_previous(tx: Tx, connection_id: str, *, sealed: bytes, version: int, field_names: Iterable[str]) -> None:
    """Keep the credential before the live one."""
    tx.execute(
        "UPDATE credentials SET previous = :sealed, previous_version = :version, previous_field_names = :names "
        "WHERE connection_id = :id",
        sealed=sealed,
        version=version,
        names=json.dumps(sorted(field_names)),
        id=connection_id,
    )


def set_credential_version(tx: Tx, connection_id: str, version: int) -> None:
    """The credential is another one from now on; older approvals no longer match."""
    tx.execute("UPDATE connections SET credential_version = :version WHERE id = :id", version=version, id=connection_id)


def set_reconnect_reason(tx: Tx, connection_id: str, reason: str | None) -> None:
    """The credential died, or (None) works again."""
    tx.execute("UPDATE connections SET reconnect_reason = :reason WHERE id = :id", reason=reason, id=connection_id)
    tx.is_visible = True


def set_service_scopes(tx: Tx, connection_id: str, scopes: Iterable[str]) -> None:
    """What the service said that the credential may do."""
    written = json.dumps(list(scopes))
    tx.execute("UPDATE connections SET service_scopes = :scopes WHERE id = :id", scopes=written, id=connection_id)


def get_credential(tx: Tx, connection_id: str) -> SealedCredential:
    """The sealed credential of a connection, with what it is bound to.

    Raises:
        NotFound: the connection has none.
    """
    row = tx.find(
        "SELECT c.provider, c.hosts, k.* FROM connections c "
        "JOIN credentials k ON k.connection_id = c.id WHERE c.id = :id",
        id=connection_id,
    )
    if row is None:
        raise NotFound("the service has no credential", field="service", hint="a person must connect it again")
    return SealedCredential(
        place=Place(connection_id, row["provider"], tuple(json.loads(row["hosts"])), row["version"]),
        sealed=bytes(row["sealed"]),
        field_names=tuple(json.loads(row["field_names"])),
        source=row["source"],
        renewal=row["renewal"],
        sealed_at=from_milliseconds(row["created_at"]),
        expires_at=None if row["expires_at"] is None else from_milliseconds(row["expires_at"]),
        previous=row["previous"],
        previous_version=row["previous_version"],
        previous_field_names=tuple(json.loads(row["previous_field_names"] or "[]")),
    )


def list_credentials(tx: Tx) -> list[CredentialMetadata]:
    """That credentials exist."""
    rows = tx.all(
        "SELECT k.*, c.provider FROM credentials k JOIN connections c ON c.id = k.connection_id ORDER BY k.created_at"
    )
    return [
        CredentialMetadata(
            connection_id=row["connection_id"],
            provider=row["provider"],
            fields=json.loads(row["field_names"]),
            version=row["version"],
            created_at=from_milliseconds(row["created_at"]),
            source=row["source"],
            expires_at=None if row["expires_at"] is None else from_milliseconds(row["expires_at"]),
            has_previous=row["previous"] is not None,
        )
        for row in rows
    ]


def _row(tx: Tx, connection_id: str) -> Row:
    row = tx.find(f"{_SELECT} WHERE c.id = :id", id=connection_id)
    if row is None:
        raise NotFound(f"there is no connection {connection_id}", field="connection_id", hint="see stack_list_services")
    return row


@lru_cache(maxsize=PARSED)
def _hosts(text: str) -> tuple[HostPort, ...]:
    return tuple(parse_host_port(host) for host in json.loads(text))


@lru_cache(maxsize=PARSED)
def _injection(text: str) -> Injection:
    fields = json.loads(text)
    more = tuple((fields.get("more") or {}).items())
    return Injection(InjectionStyle(fields["style"]), fields["name"], fields["template"], more)


@lru_cache(maxsize=PARSED)
def _template(document: str) -> ServiceTemplate:
    return ServiceTemplate.model_validate_json(document)


@lru_cache(maxsize=PARSED)
def _rules(document: str | None, placeholders: str) -> ServiceRules:
    return CUSTOM if document is None else _template(document).rules(dict(_pairs(placeholders)))


def _rule(row: Row) -> Connection:
    account = f" ({row['account']})" if row["account"] else ""
    return Connection(
        id=row["id"],
        provider=row["provider"],
        label=row["name"] + account,
        hosts=_hosts(row["hosts"]),
        injection=_injection(row["injection"]),
        scopes=frozenset(json.loads(row["scopes"])),
        version=row["version"],
        credential_version=row["credential_version"],
        asks_everything=bool(row["asks_everything"]),
        connected=row["status"] == "connected",
        rules=_rules(row["document"], row["placeholders"]),
        placeholders=_pairs(row["placeholders"]),
        base_url=row["base_url"],
        reconnect_reason=row["reconnect_reason"],
    )


@lru_cache(maxsize=PARSED)
def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(json.loads(text).items())


def _view(row: Row) -> wire.Connection:
    verified_at = row["verified_at"]
    return wire.Connection(
        id=row["id"],
        provider=row["provider"],
        name=row["name"],
        description=row["description"],
        account=row["account"],
        status=row["status"],
        hosts=json.loads(row["hosts"]),
        injection=wire.InjectionSpec.model_validate_json(row["injection"]),
        scopes=json.loads(row["scopes"]),
        asks_everything=bool(row["asks_everything"]),
        verification=row["verification"],
        verified_at=None if verified_at is None else from_milliseconds(verified_at),
        version=row["version"],
        credential_version=row["credential_version"],
        connected_by=row["connected_by"],
        connected_at=from_milliseconds(row["connected_at"]),
        base_url=row["base_url"],
        service_scopes=json.loads(row["service_scopes"]),
        template_version=row["template_hash"],
        reconnect_reason=row["reconnect_reason"],
        ca_fingerprints=json.loads(row["ca_fingerprints"] or "[]"),
    )
