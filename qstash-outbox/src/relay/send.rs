//! What a relay says to QStash: it sends messages, and asks the log for those that are aged.

use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use http::StatusCode;
use qstash_client::{
    Client, Error, Message,
    batch::FailedMessage,
    messages::MessageParts,
    types::{Destination, LogEntry},
};
use tokio::time::{Instant, timeout_at};

use crate::{
    life::{End, Failure, Millis},
    turn::{Ended, Job, Work},
};

/// How many calls that carry one message, or none, are under way at the same time.
const AT_ONCE: usize = 8;

pub(super) struct Sender<'a> {
    pub(super) client: &'a Client,
    pub(super) margin: Duration,
    pub(super) retention: Option<Duration>,
}

/// A call that is about one row.
enum Single {
    /// Sends the message. What QStash said of it as a part of a batch, it may say again with a status.
    Send {
        message: Message,
        is_to_group: bool,
        said: Option<String>,
    },
    LookUp {
        label: String,
        began: Millis,
        first_sent: Millis,
    },
}

impl Sender<'_> {
    /// Does the jobs until a time, which is that of the last byte.
    pub(super) async fn send(&self, jobs: Vec<Job>, deadline: Instant) -> Vec<Ended> {
        let mut ends: Vec<Option<End>> = jobs.iter().map(|_| None).collect();
        let began = Instant::now() < deadline;
        if began {
            let _ = timeout_at(deadline, self.fill(&jobs, &mut ends)).await;
        }
        let missing = |job: &Job| {
            let failure = Failure { why: "there was no answer in time".to_owned(), ..Failure::default() };
            match job.work {
                Work::LookUp { .. } => End::NotLookedUp(failure),
                Work::Send(_) if began => End::Unclear(failure),
                Work::Send(_) => End::NotAccepted(failure),
            }
        };
        let end = |(job, end): (Job, Option<End>)| {
            let end = end.unwrap_or_else(|| missing(&job));
            job.ended(end)
        };
        jobs.into_iter().zip(ends).map(end).collect()
    }

    async fn fill(&self, jobs: &[Job], ends: &mut [Option<End>]) {
        let mut batch = Vec::new();
        let mut singles = Vec::new();
        for (place, job) in jobs.iter().enumerate() {
            match &job.work {
                Work::Send(Err(unreadable)) => ends[place] = Some(End::Refused(unreadable.to_string())),
                Work::Send(Ok(parts)) if parts.fits_into_a_batch() => batch.push((place, &**parts)),
                Work::Send(Ok(parts)) => singles.push((place, Single::send(parts, None))),
                Work::LookUp { first_sent } => {
                    let (label, began) = (job.label.clone(), job.tried.began);
                    singles.push((place, Single::LookUp { label, began, first_sent: *first_sent }));
                }
            }
        }
        if !batch.is_empty() {
            let messages = batch.iter().map(|(_, parts)| Message::from((*parts).clone()));
            match self.client.batch(messages).await {
                Ok(outcome) => {
                    for ((place, parts), result) in batch.into_iter().zip(outcome.into_results()) {
                        match result {
                            Ok(_) => ends[place] = Some(End::Accepted),
                            Err(failed) => match end_in_batch(&failed) {
                                Ok(end) => ends[place] = Some(end),
                                Err(said) => singles.push((place, Single::send(parts, Some(said)))),
                            },
                        }
                    }
                }
                // One of them is the cause, and nothing was sent.
                Err(mistake) => {
                    let said = chain(&mistake);
                    let alone = |(place, parts): (usize, &MessageParts)| {
                        (place, Single::send(parts, Some(said.clone())))
                    };
                    singles.extend(batch.into_iter().map(alone));
                }
            }
        }
        let calls =
            singles.into_iter().map(|(place, single)| async move { (place, self.single(single).await) });
        let mut calls = stream::iter(calls).buffer_unordered(AT_ONCE);
        while let Some((place, end)) = calls.next().await {
            ends[place] = Some(end);
        }
    }

    async fn single(&self, single: Single) -> End {
        match single {
            Single::Send { message, is_to_group, said } => match self.client.publish(message).await {
                Ok(_) => End::Accepted,
                // What only a batch can carry was refused there.
                Err(error @ Error::Input(_)) => End::Refused(said.unwrap_or_else(|| chain(&error))),
                Err(error) => end_of(&error, is_to_group),
            },
            Single::LookUp { label, began, first_sent } => {
                let found = self.look_up(&label, began, first_sent).await;
                found.unwrap_or_else(|error| End::NotLookedUp(failure(&error)))
            }
        }
    }

    /// Looks for a message by its label, and if it is not there, for anything that is older.
    async fn look_up(&self, label: &str, began: Millis, first_sent: Millis) -> Result<End, Error> {
        let found = self.client.logs().label(label).list().await?;
        let has_label = |entry: &LogEntry| entry.delivery.labels.iter().any(|own| own.as_str() == label);
        if found.items.iter().any(has_label) {
            return Ok(End::Found);
        }
        if !found.items.is_empty() {
            // A server that answers with others does not know labels.
            return Ok(End::OutOfReach);
        }
        let age = Duration::from_millis(began.abs_diff(first_sent));
        if self.retention.is_some_and(|kept| age + self.margin <= kept) {
            return Ok(End::NotFound);
        }
        // The log has lost nothing since then if it has something from before, which it has to have after the search.
        let start = SystemTime::UNIX_EPOCH + Duration::from_millis(first_sent.unsigned_abs());
        let Some(before) = start.checked_sub(self.margin) else { return Ok(End::OutOfReach) };
        let older = self.client.logs().until(before).page_size(ONE).list().await?;
        let is_older = |entry: &LogEntry| entry.time.is_some_and(|time| time <= before);
        Ok(if older.items.iter().any(is_older) { End::NotFound } else { End::OutOfReach })
    }
}

const ONE: std::num::NonZeroU32 = std::num::NonZeroU32::MIN;

impl Single {
    fn send(parts: &MessageParts, said: Option<String>) -> Self {
        let is_to_group = matches!(parts.destination, Destination::UrlGroup(_));
        Self::Send { message: Message::from(parts.clone()), is_to_group, said }
    }
}

/// How a message ended in a batch, or what was said of it if it has to be sent alone to find out: a part of a batch has no status, and
/// the status of a batch may be due to another part.
fn end_in_batch(failed: &FailedMessage) -> Result<End, String> {
    match failed.error() {
        None => Err(failed.to_string()),
        Some(error) => match end_of(error, false) {
            End::Refused(said) => Err(said),
            end => Ok(end),
        },
    }
}

/// How a message ended that was sent alone. The account, the token and the address of QStash may be wrong for a while; that is
/// not the fault of a message.
fn end_of(error: &Error, is_to_group: bool) -> End {
    let is_final = |status| match status {
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::URI_TOO_LONG
        | StatusCode::UNPROCESSABLE_ENTITY
        | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => true,
        // There is no such group.
        StatusCode::NOT_FOUND => is_to_group,
        _ => false,
    };
    match error {
        Error::Input(_) => End::Refused(chain(error)),
        _ if error.is_ambiguous() => End::Unclear(failure(error)),
        _ if error.status().is_some_and(is_final) => End::Refused(chain(error)),
        _ => End::NotAccepted(failure(error)),
    }
}

fn failure(error: &Error) -> Failure {
    Failure { why: chain(error), asked_wait: error.retry_after().unwrap_or_default() }
}

/// An error with its causes, on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.chars().take(1000).collect()
}
