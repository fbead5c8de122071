-- Services from a catalogue, narrower grants, operation ids that callers choose.

-- A connection keeps its own copy of its template: a newer file changes nothing by itself.
CREATE TABLE templates (
    hash TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;

ALTER TABLE connections ADD COLUMN template_hash TEXT REFERENCES templates (hash);
ALTER TABLE connections ADD COLUMN base_url TEXT;
ALTER TABLE connections ADD COLUMN placeholders TEXT NOT NULL DEFAULT '{}';
-- The service's own permissions, as far as they are known.
ALTER TABLE connections ADD COLUMN service_scopes TEXT NOT NULL DEFAULT '[]';
-- Why the credential no longer works, until a person connects again.
ALTER TABLE connections ADD COLUMN reconnect_reason TEXT;

-- What renews the credential (refresh token, client, private key), sealed on its own; and the version before this one.
ALTER TABLE credentials ADD COLUMN source TEXT NOT NULL DEFAULT 'typed';
ALTER TABLE credentials ADD COLUMN renewal BLOB;
ALTER TABLE credentials ADD COLUMN expires_at INTEGER;
ALTER TABLE credentials ADD COLUMN previous BLOB;
ALTER TABLE credentials ADD COLUMN previous_version INTEGER;
ALTER TABLE credentials ADD COLUMN previous_field_names TEXT;

-- Constraints, rules of asking, allowances and time windows.
ALTER TABLE grants ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';

-- How many calls an agent may make in all; what it may make to one service stands in its grant.
CREATE TABLE allowances (
    agent_id TEXT PRIMARY KEY REFERENCES agents (id) ON DELETE CASCADE,
    per_minute INTEGER,
    per_month INTEGER
) STRICT;

-- The operation id its caller chose; what the service said of it; and who settled what nobody knew the outcome of.
ALTER TABLE operations ADD COLUMN request_id TEXT;
ALTER TABLE operations ADD COLUMN provider_request_id TEXT;
ALTER TABLE operations ADD COLUMN provider_object_id TEXT;
ALTER TABLE operations ADD COLUMN provider_status INTEGER;
ALTER TABLE operations ADD COLUMN settled_by TEXT;
CREATE UNIQUE INDEX operations_by_request ON operations (agent_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX operations_unsettled ON operations (created_at) WHERE state = 'outcome_unknown' AND is_write = 1;
