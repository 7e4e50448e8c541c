//! Messages and schedules as the API shows them, with redacted fields replaced.

use std::time::Duration;

use bytes::Bytes;
use qstash_types::{
    CallbackOptions, DeliveryRecord, Headers, MessageRecord, ScheduleId, ScheduleRecord, Start, header,
};

use super::{Activity, Definition, Publication, Response, Run, StoredMessage, Terms, redacted};

impl StoredMessage {
    /// The message as the API shows it.
    pub fn record(&self) -> MessageRecord {
        let mut record = MessageRecord::new(self.id.clone(), self.url.to_string(), self.created_at.into());
        record.delivery = self.terms.record();
        record.caller_ip = Some(self.terms.caller_ip.to_string());
        record.schedule_id.clone_from(&self.terms.schedule_id);
        record.url_group.clone_from(&self.url_group);
        record.endpoint.clone_from(&self.endpoint);
        record.not_before = Some(self.not_before.into());
        record
    }
}

impl Definition {
    /// The schedule as the API shows it: what its messages will look like, and how it has gone so far.
    pub(crate) fn record(&self, id: &ScheduleId, run: &Run) -> ScheduleRecord {
        let Publication { destination, options, headers: _, body, caller_ip } = &self.publication;
        let (cron, created_at) = (self.cron.to_string(), self.created_at.into());
        let mut record = ScheduleRecord::new(id.clone(), cron, destination.to_string(), created_at);
        let terms = Terms::of(options.clone(), body.clone(), *caller_ip);
        record.delivery = terms.record();
        record.caller_ip = Some(terms.caller_ip.to_string());
        record.delay = match options.start {
            Some(Start::After(delay)) => Some(delay),
            _ => None,
        };
        record.timeout = options.settings.timeout;
        record.paused = run.activity == Activity::Paused;
        record.last_run = run.last.map(Into::into);
        record.next_run = run.next.map(Into::into);
        record.last_states = run.messages.clone();
        record.error.clone_from(&run.error);
        record
    }
}

impl StoredMessage {
    /// The headers of one of its attempts, short of those that every request has and of its signature.
    pub fn shown_request(&self, retried: u32) -> Headers {
        let mut headers = self.delivery_headers(retried, self.terms.flow_control.as_deref().cloned());
        // The region is that of the server, which the message knows nothing of.
        headers.remove(header::REGION);
        self.terms.redacted(Headers::record(&headers))
    }

    /// Headers and body of what its destination answered, as everything shows them that shows answers. An answer may repeat
    /// what was sent, so all of it is redacted if any part of the message is.
    pub fn shown_response(&self, response: &Response) -> (Headers, Bytes) {
        let headers = Headers::record(&response.headers);
        match self.terms.redaction {
            None => (headers, response.body.clone()),
            Some(_) if response.body.is_empty() => (redacted::all_headers(&headers), Bytes::new()),
            Some(_) => (redacted::all_headers(&headers), redacted::value(&response.body).into()),
        }
    }
}

impl Terms {
    fn record(&self) -> DeliveryRecord {
        let url = |target: &CallbackOptions| target.url.to_string();
        let mut record = DeliveryRecord::default();
        record.method = self.method.to_string();
        record.headers = self.shown_headers();
        record.body = self.shown_body();
        record.retries = Some(self.max_retries);
        record.retry_delay = self.retry_delay.as_ref().map(ToString::to_string);
        record.callback = self.callback.as_deref().map(url);
        record.callback_headers = self.shown_callback_headers(self.callback.as_deref());
        record.failure_callback = self.failure_callback.as_deref().map(url);
        record.failure_callback_headers = self.shown_callback_headers(self.failure_callback.as_deref());
        record.queue.clone_from(&self.queue);
        record.labels = self.labels.to_vec();
        record.flow_control = self.flow_control.as_deref().cloned().map(|mut flow_control| {
            // The period is always shown.
            flow_control.limits.period.get_or_insert(Duration::from_secs(1));
            flow_control
        });
        record
    }

    fn shown_headers(&self) -> Headers {
        self.redacted(Headers::record(&self.headers()))
    }

    fn shown_callback_headers(&self, target: Option<&CallbackOptions>) -> Headers {
        let forward = target.map(|target| Headers::record(&target.settings.forward));
        self.redacted(forward.unwrap_or_default())
    }

    fn redacted(&self, headers: Headers) -> Headers {
        match &self.redaction {
            Some(redaction) => redacted::headers(&headers, redaction),
            None => headers,
        }
    }

    fn shown_body(&self) -> Bytes {
        match &self.redaction {
            Some(redaction) if redaction.body => redacted::value(&self.body).into(),
            _ => self.body.clone(),
        }
    }
}
