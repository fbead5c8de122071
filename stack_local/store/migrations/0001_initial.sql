-- The first schema. Times are Unix milliseconds; JSON only where we never query inside it.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    private_key BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    status TEXT NOT NULL,
    accountability_mode TEXT NOT NULL,
    on_warning TEXT NOT NULL,
    on_critical TEXT NOT NULL,
    credential_access TEXT NOT NULL,
    approvals TEXT NOT NULL,
    passport_blocked INTEGER NOT NULL DEFAULT 0,
    passport_blocked_reason TEXT,
    passport_blocked_at INTEGER,
    icon_url TEXT,
    owner TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    key_hash TEXT NOT NULL UNIQUE,
    shown TEXT NOT NULL,
    preset TEXT NOT NULL,
    label TEXT NOT NULL,
    agent_id TEXT REFERENCES agents (id) ON DELETE CASCADE,
    decides_agents TEXT NOT NULL,
    decides_services TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

CREATE TABLE connections (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    account TEXT,
    status TEXT NOT NULL,
    hosts TEXT NOT NULL,
    injection TEXT NOT NULL,
    scopes TEXT NOT NULL,
    asks_everything INTEGER NOT NULL,
    verify_path TEXT,
    verification TEXT NOT NULL,
    verified_at INTEGER,
    version INTEGER NOT NULL,
    credential_version INTEGER NOT NULL,
    connected_by TEXT NOT NULL,
    connected_at INTEGER NOT NULL
) STRICT;

CREATE INDEX connections_by_provider ON connections (provider);

CREATE TABLE credentials (
    connection_id TEXT PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    field_names TEXT NOT NULL,
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    UNIQUE (agent_id, connection_id)
) STRICT;

CREATE TABLE passports (
    jti TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    -- A passport and its refreshes are one line; a child names the line it descends from.
    line TEXT NOT NULL,
    parent_jti TEXT,
    parent_line TEXT,
    depth INTEGER NOT NULL,
    accountability_mode TEXT NOT NULL,
    services TEXT NOT NULL,
    intent TEXT,
    minted_by TEXT NOT NULL,
    is_automatic INTEGER NOT NULL,
    checkpoint_seconds INTEGER,
    ttl_seconds INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    latest_expires_at INTEGER NOT NULL,
    session_ends_at INTEGER NOT NULL,
    refreshed_at INTEGER,
    revoked_at INTEGER,
    revoked_reason TEXT
) STRICT;

CREATE INDEX passports_by_agent ON passports (agent_id, expires_at);
CREATE INDEX passports_by_session ON passports (session_id);
CREATE INDEX passports_by_line ON passports (line);
CREATE INDEX passports_by_parent ON passports (parent_line);

CREATE TABLE checkpoints (
    id TEXT PRIMARY KEY,
    passport_jti TEXT NOT NULL REFERENCES passports (jti),
    services_used TEXT NOT NULL,
    actions_count INTEGER NOT NULL,
    summary TEXT,
    reported TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX checkpoints_by_passport ON checkpoints (passport_jti);

-- Decisions of both kinds: `intent` (one exact call) and `governance` (one loosening operation).
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    claim_id TEXT,
    agent_id TEXT,
    session_id TEXT,
    chain TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    status TEXT NOT NULL,
    digest TEXT NOT NULL,
    original_digest TEXT,
    connection_id TEXT,
    call_key TEXT,
    sealed BLOB,
    reason TEXT,
    simulation TEXT,
    notes TEXT,
    submitted_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by TEXT,
    breadth TEXT NOT NULL,
    uses_left INTEGER,
    operation_id TEXT,
    result BLOB
) STRICT;

CREATE INDEX approvals_by_status ON approvals (status, submitted_at);
CREATE INDEX approvals_by_digest ON approvals (digest, status);
CREATE INDEX approvals_by_session ON approvals (session_id, status);
CREATE INDEX approvals_by_call_key ON approvals (call_key, decided_at);

CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL,
    passport_jti TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    approval_id TEXT,
    digest TEXT NOT NULL,
    is_write INTEGER NOT NULL,
    trace_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed_call BLOB,
    sealed_response BLOB,
    error_code TEXT,
    error_message TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;

CREATE INDEX operations_by_state ON operations (state);
CREATE INDEX operations_by_digest ON operations (digest, created_at);
CREATE INDEX operations_by_agent ON operations (agent_id, created_at);

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    entry_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    trace_id TEXT NOT NULL,
    operator_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    decided_by TEXT,
    agent_id TEXT,
    passport_jti TEXT,
    layer TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    subject TEXT,
    duration_ms INTEGER,
    payload_hash TEXT,
    error_code TEXT,
    error_message TEXT,
    detail TEXT NOT NULL,
    prev_entry_hash TEXT NOT NULL,
    entry_hash TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_agent ON audit (agent_id, sequence);
CREATE INDEX audit_by_passport ON audit (passport_jti, sequence);

-- The log is insert-only, whoever writes.
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is insert-only');
END;

CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is insert-only');
END;
