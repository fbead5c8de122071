-- A governed call writes each index it is in, and every page of one is encrypted and signed anew: keep what is asked.

DROP INDEX operations_by_state;
DROP INDEX operations_by_digest;
DROP INDEX operations_by_agent;
DROP INDEX audit_by_passport;

CREATE INDEX operations_open ON operations (created_at) WHERE state = 'dispatching';
CREATE INDEX operations_asked ON operations (digest, created_at) WHERE is_write = 1 OR approval_id IS NOT NULL;
