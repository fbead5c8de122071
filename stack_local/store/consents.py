"""Consents, and the refresh tokens that live and end with them."""

from datetime import datetime

from stack_local.domain.consents import Consent, RefreshToken
from stack_local.domain.errors import NotFound
from stack_local.store.database import Row, Tx
from stack_local.system import from_milliseconds, milliseconds


def get(tx: Tx, consent_id: str) -> Consent:
    """One consent.

    Raises:
        NotFound: there is none of that id.
    """
    found = find(tx, consent_id)
    if found is None:
        raise NotFound(f"there is no consent {consent_id}", field="consent_id", hint="see stack_list_consents")
    return found


def find(tx: Tx, consent_id: str) -> Consent | None:
    """One consent, revoked or not."""
    row = tx.find("SELECT * FROM consents WHERE id = :id", id=consent_id)
    return None if row is None else _consent(row)


def list_(tx: Tx) -> list[Consent]:
    """Every consent that was not revoked, newest first."""
    rows = tx.all("SELECT * FROM consents WHERE revoked_at IS NULL ORDER BY given_at DESC, id")
    return [_consent(row) for row in rows]


def insert(tx: Tx, consent: Consent) -> None:
    """Keep what a person allowed."""
    tx.execute(
        "INSERT INTO consents VALUES (:id, :client_id, :client_name, :redirect_uri, :scope, :resource, :agent_id, "
        ":given_by, :given_at, :ends_at, :used_at, NULL)",
        id=consent.id,
        client_id=consent.client_id,
        client_name=consent.client_name,
        redirect_uri=consent.redirect_uri,
        scope=consent.scope,
        resource=consent.resource,
        agent_id=consent.agent_id,
        given_by=consent.given_by,
        given_at=milliseconds(consent.given_at),
        ends_at=milliseconds(consent.ends_at),
        used_at=milliseconds(consent.used_at),
    )


def revoke(tx: Tx, consent_id: str, *, at: datetime) -> None:
    """No token of it is accepted from now on, and none can be refreshed."""
    tx.execute(
        "UPDATE consents SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL", at=milliseconds(at), id=consent_id
    )
    tx.execute("DELETE FROM refresh_tokens WHERE consent_id = :id", id=consent_id)
    tx.touches_access = True
    tx.anchors = True


def delete_over(tx: Tx, *, ended_before: datetime, used_before: datetime) -> int:
    """Forget those that nobody can use any more; how many there were."""
    return tx.execute(
        "DELETE FROM consents WHERE ends_at < :ended OR used_at < :used OR revoked_at < :used",
        ended=milliseconds(ended_before),
        used=milliseconds(used_before),
    )


def insert_refresh(tx: Tx, token: RefreshToken) -> None:
    """Keep a new refresh token by its hash; its consent was used just now."""
    at = milliseconds(token.issued_at)
    tx.execute(
        "INSERT INTO refresh_tokens VALUES (:token_hash, :consent_id, :at, NULL, NULL, NULL)",
        token_hash=token.token_hash,
        consent_id=token.consent_id,
        at=at,
    )
    tx.execute("UPDATE consents SET used_at = :at WHERE id = :id", at=at, id=token.consent_id)


def find_refresh(tx: Tx, token_hash: str) -> RefreshToken | None:
    """One refresh token, used or not."""
    row = tx.find("SELECT * FROM refresh_tokens WHERE token_hash = :token_hash", token_hash=token_hash)
    if row is None:
        return None
    return RefreshToken(
        token_hash=row["token_hash"],
        consent_id=row["consent_id"],
        issued_at=from_milliseconds(row["issued_at"]),
        used_at=_time(row["used_at"]),
        asked=row["asked"],
        answer=None if row["answer"] is None else bytes(row["answer"]),
    )


def use_refresh(tx: Tx, token_hash: str, *, at: datetime, asked: str, answer: bytes) -> None:
    """It was used, for this; the answer is kept for a twin that asks again at once. Older answers are forgotten."""
    tx.execute(
        "UPDATE refresh_tokens SET answer = NULL WHERE answer IS NOT NULL AND consent_id = "
        "(SELECT consent_id FROM refresh_tokens WHERE token_hash = :token_hash)",
        token_hash=token_hash,
    )
    tx.execute(
        "UPDATE refresh_tokens SET used_at = :at, asked = :asked, answer = :answer WHERE token_hash = :token_hash",
        at=milliseconds(at),
        asked=asked,
        answer=answer,
        token_hash=token_hash,
    )


def _consent(row: Row) -> Consent:
    return Consent(
        id=row["id"],
        client_id=row["client_id"],
        client_name=row["client_name"],
        redirect_uri=row["redirect_uri"],
        scope=row["scope"],
        resource=row["resource"],
        agent_id=row["agent_id"],
        given_by=row["given_by"],
        given_at=from_milliseconds(row["given_at"]),
        ends_at=from_milliseconds(row["ends_at"]),
        used_at=from_milliseconds(row["used_at"]),
        revoked_at=_time(row["revoked_at"]),
    )


def _time(value: int | None) -> datetime | None:
    return None if value is None else from_milliseconds(value)
