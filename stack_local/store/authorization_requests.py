"""Authorization requests: from the open page to the code that is used."""

from datetime import datetime

from stack_local.domain.consents import AuthorizationRequest, RequestState
from stack_local.domain.errors import NotFound
from stack_local.store.database import Row, Tx
from stack_local.system import from_milliseconds, milliseconds


def get(tx: Tx, request_id: str) -> AuthorizationRequest:
    """One request.

    Raises:
        NotFound: there is none of that id, or no longer.
    """
    found = find(tx, request_id)
    if found is None:
        raise NotFound(
            f"there is no authorization request {request_id}",
            field="request_id",
            hint="see `stack-local consents list-requests`; a request waits ten minutes",
        )
    return found


def find(tx: Tx, request_id: str) -> AuthorizationRequest | None:
    """One request, over or not."""
    return _one(tx.find("SELECT * FROM authorization_requests WHERE id = :id", id=request_id))


def find_by_code(tx: Tx, code_hash: str) -> AuthorizationRequest | None:
    """The request a code was issued for, used or not."""
    return _one(tx.find("SELECT * FROM authorization_requests WHERE code_hash = :hash", hash=code_hash))


def find_by_secret(tx: Tx, secret_hash: str) -> AuthorizationRequest | None:
    """The request of a device code."""
    return _one(tx.find("SELECT * FROM authorization_requests WHERE secret_hash = :hash", hash=secret_hash))


def find_by_user_code(tx: Tx, user_code_hash: str) -> AuthorizationRequest | None:
    """The request whose one-time code this is."""
    return _one(tx.find("SELECT * FROM authorization_requests WHERE user_code_hash = :hash", hash=user_code_hash))


def list_asked(tx: Tx, now: datetime) -> list[AuthorizationRequest]:
    """Those that wait for a person, oldest first."""
    rows = tx.all(
        "SELECT * FROM authorization_requests WHERE state = :asked AND expires_at > :now ORDER BY created_at, id",
        asked=RequestState.ASKED,
        now=milliseconds(now),
    )
    return [_request(row) for row in rows]


def count_open(tx: Tx, now: datetime, *, client_id: str | None = None) -> int:
    """How many are not over yet: of one client, or of all."""
    row = tx.find(
        "SELECT count(*) AS count FROM authorization_requests WHERE expires_at > :now "
        "AND (:client_id IS NULL OR client_id = :client_id)",
        now=milliseconds(now),
        client_id=client_id,
    )
    return 0 if row is None else int(row["count"])


def insert(tx: Tx, request: AuthorizationRequest) -> None:
    """Keep a new request."""
    tx.execute(
        "INSERT INTO authorization_requests VALUES (:id, :client_id, :tag, :secret_hash, :state, :parameters, "
        ":redirect_uri, :scope, :resource, :code_challenge, :created_at, :expires_at, NULL, 0, NULL, NULL, NULL)",
        id=request.id,
        client_id=request.client_id,
        tag=request.tag,
        secret_hash=request.secret_hash,
        state=request.state,
        parameters=request.parameters,
        redirect_uri=request.redirect_uri,
        scope=request.scope,
        resource=request.resource,
        code_challenge=request.code_challenge,
        created_at=milliseconds(request.created_at),
        expires_at=milliseconds(request.expires_at),
    )


def move(tx: Tx, request_id: str, *, before: RequestState, after: RequestState) -> bool:
    """Take it from one state to the next; False if it was no longer in the first."""
    changed = tx.execute(
        "UPDATE authorization_requests SET state = :after WHERE id = :id AND state = :before",
        id=request_id,
        before=before,
        after=after,
    )
    tx.is_visible = True
    return changed == 1


def set_consent(tx: Tx, request_id: str, consent_id: str) -> None:
    """A person said yes: this is what they allowed."""
    tx.execute(
        "UPDATE authorization_requests SET consent_id = :consent_id WHERE id = :id",
        consent_id=consent_id,
        id=request_id,
    )


def set_user_code(tx: Tx, request_id: str, user_code_hash: str) -> None:
    """This one-time code stands in for the terminal from now on."""
    tx.execute(
        "UPDATE authorization_requests SET user_code_hash = :hash WHERE id = :id", hash=user_code_hash, id=request_id
    )


def count_wrong_code(tx: Tx, request_id: str) -> None:
    """Somebody typed a wrong one."""
    tx.execute("UPDATE authorization_requests SET wrong_codes = wrong_codes + 1 WHERE id = :id", id=request_id)


def set_code(tx: Tx, request_id: str, code_hash: str, *, expires_at: datetime) -> None:
    """The authorization code that was issued, by its hash."""
    tx.execute(
        "UPDATE authorization_requests SET code_hash = :hash, code_expires_at = :at WHERE id = :id",
        hash=code_hash,
        at=milliseconds(expires_at),
        id=request_id,
    )


def list_unredeemed(tx: Tx, now: datetime) -> list[AuthorizationRequest]:
    """Those that are over, were allowed, and came to nothing, while their consent still stands."""
    rows = tx.all(
        "SELECT r.* FROM authorization_requests r JOIN consents c ON c.id = r.consent_id AND c.revoked_at IS NULL "
        "WHERE (r.state = :refused OR max(r.expires_at, coalesce(r.code_expires_at, 0)) <= :now) "
        # A code that was burnt by being shown wrongly is redeemed too, and gave no token.
        "AND (r.state != :redeemed OR NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.consent_id = c.id))",
        redeemed=RequestState.REDEEMED,
        refused=RequestState.REFUSED,
        now=milliseconds(now),
    )
    return [_request(row) for row in rows]


def delete_old(tx: Tx, *, before: datetime) -> int:
    """Forget those that ended before this; how many there were."""
    return tx.execute("DELETE FROM authorization_requests WHERE expires_at < :before", before=milliseconds(before))


def _one(row: Row | None) -> AuthorizationRequest | None:
    return None if row is None else _request(row)


def _request(row: Row) -> AuthorizationRequest:
    code_expires_at = row["code_expires_at"]
    return AuthorizationRequest(
        id=row["id"],
        client_id=row["client_id"],
        tag=row["tag"],
        secret_hash=row["secret_hash"],
        state=RequestState(row["state"]),
        parameters=row["parameters"],
        redirect_uri=row["redirect_uri"],
        scope=row["scope"],
        resource=row["resource"],
        code_challenge=row["code_challenge"],
        created_at=from_milliseconds(row["created_at"]),
        expires_at=from_milliseconds(row["expires_at"]),
        user_code_hash=row["user_code_hash"],
        wrong_codes=row["wrong_codes"],
        consent_id=row["consent_id"],
        code_hash=row["code_hash"],
        code_expires_at=None if code_expires_at is None else from_milliseconds(code_expires_at),
    )
