//! The report that a callback carries.

use bytes::Bytes;
use qstash_types::{CallbackParts, DlqId, Headers};

use crate::state::{AttemptEnd, StoredMessage};

/// An attempt that has ended.
pub(super) struct Report<'a> {
    pub(super) source: &'a StoredMessage,
    pub(super) retried: u32,
    pub(super) end: &'a AttemptEnd,
}

impl Report<'_> {
    /// The body of a callback, or of a failure callback if there is an entry in the dead letter queue to name.
    pub(super) fn body(&self, dlq_id: Option<DlqId>) -> Bytes {
        let Self { source, retried, end } = *self;
        let (status, headers, body) = match end {
            AttemptEnd::Answered(response) => {
                let headers = Headers::record(&response.headers);
                (response.status.as_u16(), headers, response.body.clone())
            }
            AttemptEnd::Failed(reason) => (0, Headers::default(), reason.clone().into()),
        };
        let report = CallbackParts {
            status,
            headers,
            body,
            retried,
            max_retries: source.terms.max_retries,
            dlq_id,
            source_message_id: Some(source.id.clone()),
            url_group: source.url_group.clone(),
            endpoint: source.endpoint.clone(),
            schedule_id: source.terms.schedule_id.clone(),
            url: source.url.to_string(),
            method: source.terms.method.to_string(),
            source_headers: Headers::record(&source.terms.headers()),
            source_body: source.terms.body.clone(),
            not_before: Some(source.not_before.into()),
            created_at: Some(source.created_at.into()),
            caller_ip: Some(source.terms.caller_ip.to_string()),
        };
        serde_json::to_vec(&report).expect("texts, numbers and bytes serialise").into()
    }
}
