-- The authorization server: who registered, who asked, what a person allowed, and the tokens that follow from it.

CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    registered_at INTEGER NOT NULL
) STRICT;

CREATE TABLE consents (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    client_name TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    scope TEXT NOT NULL,
    resource TEXT NOT NULL,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    given_by TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE INDEX consents_by_client ON consents (client_id);
CREATE INDEX consents_by_agent ON consents (agent_id);

CREATE TABLE authorization_requests (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    parameters TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    scope TEXT NOT NULL,
    resource TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    user_code_hash TEXT,
    wrong_codes INTEGER NOT NULL,
    consent_id TEXT REFERENCES consents (id) ON DELETE CASCADE,
    code_hash TEXT UNIQUE,
    code_expires_at INTEGER
) STRICT;

CREATE INDEX authorization_requests_by_client ON authorization_requests (client_id);
CREATE INDEX authorization_requests_by_consent ON authorization_requests (consent_id);
CREATE INDEX authorization_requests_by_time ON authorization_requests (expires_at);

CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    consent_id TEXT NOT NULL REFERENCES consents (id) ON DELETE CASCADE,
    issued_at INTEGER NOT NULL,
    used_at INTEGER,
    asked TEXT,
    answer BLOB
) STRICT;

CREATE INDEX refresh_tokens_by_consent ON refresh_tokens (consent_id);
