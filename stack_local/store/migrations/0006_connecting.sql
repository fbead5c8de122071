-- Connecting a service by a log-in at it, and taking tokens back once it is disconnected.

-- What a log-in holds (the client, its state and verifier, what is to be connected) is sealed, and gone when it is over.
CREATE TABLE connect_attempts (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    flow TEXT NOT NULL,
    template_hash TEXT NOT NULL REFERENCES templates (hash),
    state_hash TEXT UNIQUE,
    sealed BLOB,
    status TEXT NOT NULL,
    reason TEXT,
    asked_by TEXT NOT NULL,
    connection_id TEXT,
    user_code TEXT,
    verification_uri TEXT,
    interval_seconds INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX connect_attempts_by_status ON connect_attempts (status, flow, next_at);

-- What renewed the credential of a connection that is gone: its service is still to be told.
CREATE TABLE revocations (
    connection_id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    hosts TEXT NOT NULL,
    version INTEGER NOT NULL,
    renewal BLOB NOT NULL,
    next_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
