//! The statements of the store in PostgreSQL. Each transition is one.

use crate::table::ClaimsTable;

/// The statements, with the name of the table in them.
#[expect(
    unnameable_types,
    missing_debug_implementations,
    reason = "a part of a trait that nobody else implements"
)]
pub struct PostgresStatements {
    pub(super) claim: String,
    pub(super) complete: String,
    pub(super) look: String,
    pub(super) renew: String,
    pub(super) release: String,
    pub(super) finish: String,
    pub(super) note: String,
    pub(super) sweep: String,
}

/// Milliseconds since 1970. Not `now()`, which is when the transaction began.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// What may be claimed, of a row `c` that is in the way of an `excluded` one, whose fence is the time.
const CLAIMABLE: &str = "c.keep_until <= excluded.fence OR c.state = 0 \
     OR (c.state = 1 AND c.lease_until <= excluded.fence)";

impl PostgresStatements {
    pub(super) fn new(table: &ClaimsTable) -> Self {
        let statement = |text: &str| {
            table.statement(&text.replace("{NOW}", NOW).replace("{CLAIMABLE}", CLAIMABLE).replace('\n', " "))
        };
        let note = "
            INSERT INTO qstash_claims AS n (key, fence, state, lease_until, keep_until, content)
            SELECT $1, now, 3, 0, now + $2, $3 FROM (SELECT {NOW} AS now) AS clock WHERE $1 IS NOT NULL
            ON CONFLICT (key) DO UPDATE SET
                keep_until = CASE WHEN n.keep_until <= excluded.fence
                    THEN excluded.keep_until ELSE n.keep_until END,
                content = CASE WHEN n.keep_until <= excluded.fence THEN excluded.content ELSE n.content END
            RETURNING content";
        Self {
            // The note of the token and the claim at once. What they found in the way, they leave; the last part looks
            // at it as it was when the statement began.
            claim: statement(&format!(
                "WITH note AS ({note}), claimed AS (
                    INSERT INTO qstash_claims AS c (key, fence, state, lease_until, keep_until)
                    SELECT $3, now, 1, now + $4, now + $5 FROM (SELECT {{NOW}} AS now) AS clock
                    WHERE NOT EXISTS (SELECT FROM note WHERE content <> $3)
                    ON CONFLICT (key) DO UPDATE SET
                        fence = GREATEST(c.fence + 1, excluded.fence), state = 1,
                        lease_until = excluded.lease_until, keep_until = excluded.keep_until, content = NULL
                    WHERE {{CLAIMABLE}}
                    RETURNING fence
                )
                SELECT (SELECT fence FROM claimed) AS fence,
                    EXISTS (SELECT FROM note WHERE content <> $3) AS replayed,
                    c.state AS state, c.lease_until - now AS rest, c.content AS content
                FROM (SELECT {{NOW}} AS now) AS clock
                LEFT JOIN qstash_claims AS c ON c.key = $3 AND c.keep_until > now"
            )),
            complete: statement(
                "INSERT INTO qstash_claims AS c (key, fence, state, lease_until, keep_until, content)
                SELECT $1, now, 2, 0, now + $2, $3 FROM (SELECT {NOW} AS now) AS clock
                ON CONFLICT (key) DO UPDATE SET
                    fence = GREATEST(c.fence + 1, excluded.fence), state = 2, lease_until = 0,
                    keep_until = excluded.keep_until, content = excluded.content
                WHERE {CLAIMABLE}
                RETURNING fence",
            ),
            look: statement(
                "SELECT state, lease_until - {NOW} AS rest, content FROM qstash_claims WHERE key = $1",
            ),
            renew: statement(
                "UPDATE qstash_claims SET lease_until = {NOW} + $3, keep_until = {NOW} + $4
                WHERE key = $1 AND fence = $2 AND state = 1 AND keep_until > {NOW}",
            ),
            release: statement(
                "UPDATE qstash_claims SET state = 0, lease_until = 0, keep_until = {NOW} + $3
                WHERE key = $1 AND fence = $2 AND state = 1 AND keep_until > {NOW}",
            ),
            finish: statement(
                "UPDATE qstash_claims SET state = 2, lease_until = 0, keep_until = {NOW} + $3, content = $4
                WHERE key = $1 AND fence = $2 AND state IN (1, 2) AND keep_until > {NOW}",
            ),
            note: statement(note),
            sweep: statement(
                "DELETE FROM qstash_claims WHERE key IN (
                    SELECT key FROM qstash_claims WHERE keep_until <= {NOW}
                    ORDER BY keep_until LIMIT $1 FOR UPDATE SKIP LOCKED
                )",
            ),
        }
    }
}
