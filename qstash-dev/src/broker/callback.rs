//! The report that a callback carries.

use bytes::Bytes;
use qstash_types::{CallbackParts, DlqId, Headers};

use super::{Message, Outcome};

/// An attempt that has ended.
pub(super) struct Report<'a> {
    pub(super) source: &'a Message,
    pub(super) retried: u32,
    pub(super) outcome: &'a Outcome,
}

impl Report<'_> {
    /// The body of a callback, or of a failure callback if there is an entry in the dead letter queue to name.
    pub(super) fn body(&self, dlq_id: Option<DlqId>) -> Bytes {
        let Self { source, retried, outcome } = *self;
        let (status, headers, body) = match outcome {
            Outcome::Answered(response) => {
                let headers = Headers::record(&response.headers);
                (response.status.as_u16(), headers, response.body.clone())
            }
            Outcome::Failed(reason) => (0, Headers::default(), reason.clone().into()),
        };
        let report = CallbackParts {
            status,
            headers,
            body,
            retried,
            max_retries: source.max_retries,
            dlq_id,
            source_message_id: Some(source.id.clone()),
            url_group: source.url_group.clone(),
            endpoint: source.endpoint.clone(),
            schedule_id: source.schedule_id.clone(),
            url: source.url.to_string(),
            method: source.method.to_string(),
            source_headers: Headers::record(&source.headers()),
            source_body: source.body.clone(),
            not_before: Some(source.not_before.into()),
            created_at: Some(source.created_at.into()),
            caller_ip: Some(source.caller_ip.to_string()),
        };
        serde_json::to_vec(&report).expect("texts, numbers and bytes serialise").into()
    }
}
