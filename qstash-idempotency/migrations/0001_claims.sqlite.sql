-- What qstash-idempotency knows of deliveries. Times are milliseconds since 1970 on the clock of this machine.
CREATE TABLE IF NOT EXISTS qstash_claims (
    -- A digest of what makes two deliveries the same, or of a token.
    key BLOB NOT NULL PRIMARY KEY,
    -- Grows with every claim of the key.
    fence INTEGER NOT NULL,
    -- 0: free again. 1: a handler has it. 2: done. 3: the key is that of a token.
    state INTEGER NOT NULL,
    -- Until when a handler has it.
    lease_until INTEGER NOT NULL,
    -- When the row may go.
    keep_until INTEGER NOT NULL,
    -- What to answer when it is done; of a token, the key that it came with.
    content BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS qstash_claims_keep_until ON qstash_claims (keep_until);
