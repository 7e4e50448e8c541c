-- Messages that wait to be handed over to QStash. Times are milliseconds since 1970.
CREATE TABLE IF NOT EXISTS qstash_outbox (
    -- Grows in the order of staging.
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Messages of one key are handed over one after the other. A message without one has its label here.
    key text NOT NULL,
    -- The label by which the log of QStash finds the message.
    label text NOT NULL,
    -- A URL, or the name of a URL group.
    destination text NOT NULL,
    -- Lines of `name: value`, as they are sent.
    headers bytea NOT NULL,
    body bytea NOT NULL,
    -- 0: waits. 1: dead, until a person decides.
    state smallint NOT NULL DEFAULT 0,
    -- When it is tried next.
    due bigint NOT NULL DEFAULT 0,
    -- The earliest time at which QStash may have accepted it; NULL if it certainly has not.
    first_sent bigint,
    -- How often it was tried in vain.
    attempts integer NOT NULL DEFAULT 0,
    -- Why the last try was in vain.
    reason text
);
CREATE INDEX IF NOT EXISTS qstash_outbox_key ON qstash_outbox (key, id);
CREATE INDEX IF NOT EXISTS qstash_outbox_due ON qstash_outbox (state, due, id);
-- The keys that relays work on.
CREATE TABLE IF NOT EXISTS qstash_outbox_leases (
    key text NOT NULL PRIMARY KEY,
    -- The relay that has it.
    fence bigint NOT NULL,
    -- Until when.
    until bigint NOT NULL
);
