-- The authorities a connection trusts besides the public ones, in PEM, and the SHA-256 of each.

ALTER TABLE connections ADD COLUMN ca TEXT;
ALTER TABLE connections ADD COLUMN ca_fingerprints TEXT;
