-- Messages that wait to be handed over to QStash. Times are milliseconds since 1970.
CREATE TABLE IF NOT EXISTS qstash_outbox (
    -- Grows in the order of staging, and is never used twice.
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- Messages of one key are handed over one after the other. A message without one has its label here.
    key TEXT NOT NULL,
    -- The label by which the log of QStash finds the message.
    label TEXT NOT NULL,
    -- A URL, or the name of a URL group.
    destination TEXT NOT NULL,
    -- Lines of `name: value`, as they are sent.
    headers BLOB NOT NULL,
    body BLOB NOT NULL,
    -- 0: waits. 1: dead, until a person decides.
    state INTEGER NOT NULL DEFAULT 0,
    -- When it is tried next.
    due INTEGER NOT NULL DEFAULT 0,
    -- The earliest time at which QStash may have accepted it; NULL if it certainly has not.
    first_sent INTEGER,
    -- How often it was tried in vain.
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Why the last try was in vain.
    reason TEXT
);
CREATE INDEX IF NOT EXISTS qstash_outbox_key ON qstash_outbox (key, id);
CREATE INDEX IF NOT EXISTS qstash_outbox_due ON qstash_outbox (state, due, id);
-- The keys that relays work on.
CREATE TABLE IF NOT EXISTS qstash_outbox_leases (
    key TEXT NOT NULL PRIMARY KEY,
    -- The relay that has it.
    fence INTEGER NOT NULL,
    -- Until when.
    until INTEGER NOT NULL
) WITHOUT ROWID;
