//! What a handler answers, and what QStash does then.

use std::time::Duration;

use qstash_types::{LogEntry, LogState, MessageId};

use crate::Loop;

/// A route of the receiver, and what must follow its answer.
struct Case {
    path: &'static str,
    status: u16,
    next: Next,
}

enum Next {
    Nothing,
    Attempt { after: Duration },
    DeadLetter,
}

/// What `POST /outcome/later` asks for.
pub const LATER: Duration = Duration::from_secs(90);

/// The first wait of QStash's own schedule, *e* to the power of 2.5 seconds.
const FIRST_BACKOFF: Duration = Duration::from_millis(12_182);

const SECOND: Duration = Duration::from_secs(1);

const CASES: &[Case] = &[
    Case { path: "/outcome/done", status: 200, next: Next::Nothing },
    Case { path: "/outcome/later", status: 503, next: Next::Attempt { after: LATER } },
    Case { path: "/outcome/permanent", status: 489, next: Next::DeadLetter },
    Case { path: "/outcome/question-mark", status: 422, next: Next::Attempt { after: FIRST_BACKOFF } },
    Case { path: "/outcome/undecodable", status: 422, next: Next::Attempt { after: FIRST_BACKOFF } },
];

/// The same where the verifier was told that what does not deserialise is permanent.
const PERMANENT_CASES: &[Case] = &[
    Case { path: "/outcome/done", status: 200, next: Next::Nothing },
    Case { path: "/outcome/question-mark", status: 489, next: Next::DeadLetter },
    Case { path: "/outcome/undecodable", status: 489, next: Next::DeadLetter },
];

/// Each outcome of a handler is followed by the attempt that it asks for, then and not before.
pub async fn each_outcome_decides_about_the_next_attempt(turning: Loop) {
    turning.check(CASES).await;
}

/// Behind a verifier with `undecodable_is_non_retryable`, a body of another form is followed by no attempt at all.
pub async fn an_undecodable_body_can_be_permanent(turning: Loop) {
    turning.check(PERMANENT_CASES).await;
}

impl Loop {
    async fn check(&self, cases: &[Case]) {
        for Case { path, status, next } in cases {
            let message = self.message(path).body("{}").retries(1);
            let published = self.client.publish(message).await.unwrap();
            let id = published.message_id();
            self.qstash.settled().await;
            let letters = self.qstash.dead_letters().await;
            let letter = letters.iter().find(|letter| letter.message.message_id == *id);
            assert_eq!(self.attempts(id).await, 1, "{path}");
            assert_eq!(self.answer(id).await, (*status != 200).then_some(*status), "{path}");
            assert_eq!(letter.is_some(), matches!(next, Next::DeadLetter), "{path}");

            let wait = if let Next::Attempt { after } = next { *after } else { Duration::from_secs(60 * 60) };
            self.qstash.advance(wait.saturating_sub(SECOND)).await;
            assert_eq!(self.attempts(id).await, 1, "{path}");
            self.qstash.advance(2 * SECOND).await;
            let attempts = if let Next::Attempt { .. } = next { 2 } else { 1 };
            assert_eq!(self.attempts(id).await, attempts, "{path}");
        }
    }

    async fn attempts(&self, id: &MessageId) -> usize {
        self.entries(id).await.iter().filter(|entry| entry.state == LogState::Active).count()
    }

    /// The status of the first attempt that failed.
    async fn answer(&self, id: &MessageId) -> Option<u16> {
        let entries = self.entries(id).await;
        entries.iter().rfind(|entry| entry.state == LogState::Error)?.response_status
    }

    async fn entries(&self, id: &MessageId) -> Vec<LogEntry> {
        let mut log = self.qstash.log().await;
        log.retain(|entry| entry.message_id == *id);
        log
    }
}
