//! What users of a public type may count on: it can be shown, and handed to any thread.

use std::fmt::Debug;

use qstash_types::{
    Callback, CallbackOptions, CallbackParts, Cron, DeadLetter, Deduplication, DeduplicationId,
    DeliveryHeaders, DeliveryOptions, DeliveryRecord, DeliverySettings, Destination, DlqId, EndpointName,
    EndpointRecord, FailureCallback, FieldError, FlowControl, FlowControlKey, FlowControlRecord, FlowLimits,
    GlobalParallelism, Headers, InvalidCallback, InvalidCron, InvalidDestination, InvalidFlowControl,
    InvalidHeader, InvalidId, InvalidRedaction, InvalidRetryDelay, InvalidSigningKey, InvalidUrl, Label,
    LogEntry, LogState, MessageId, MessageLog, MessageRecord, OddFields, QueueName, QueueRecord, Receipt,
    RedactedHeaders, Redaction, Region, RetryDelay, RunState, ScheduleId, ScheduleRecord, SigningKey,
    SigningKeys, Start, Term, UnknownRegion, Url, UrlGroupName, UrlGroupRecord, base64_bytes::InvalidBase64,
    duration::InvalidDuration, header::SettingNames,
};

macro_rules! all {
    ($check:ident: $($type:ty),+ $(,)?) => { $($check::<$type>();)+ };
}

fn thread_safe<T: Debug + Send + Sync + 'static>() {}

fn value<T: Clone + Debug + Eq + Send + Sync + 'static>() {
    thread_safe::<T>();
}

fn error<T: std::error::Error + Send + Sync + 'static>() {
    thread_safe::<T>();
}

#[test]
fn every_type_can_be_shown_and_sent() {
    all!(thread_safe: SigningKey, SigningKeys, SettingNames, Term);
    all!(
        value: Callback, CallbackParts, CallbackOptions, Cron, DeadLetter, Deduplication, DeduplicationId,
        DeliveryHeaders, DeliveryOptions, Destination, DlqId, EndpointName, EndpointRecord, FailureCallback,
        FlowControl, FlowControlKey, FlowControlRecord, FlowLimits, GlobalParallelism, Headers, Label, LogEntry,
        LogState, MessageId, MessageLog, MessageRecord, OddFields, DeliveryRecord, QueueName, QueueRecord, Receipt, RedactedHeaders,
        Redaction, Region, RetryDelay, RunState, ScheduleId, ScheduleRecord, DeliverySettings, Start, Url, UrlGroupName,
        UrlGroupRecord,
    );
    all!(
        error: FieldError, InvalidBase64, InvalidCallback, InvalidCron, InvalidDestination, InvalidDuration,
        InvalidFlowControl, InvalidHeader, InvalidId, InvalidRedaction, InvalidRetryDelay, InvalidSigningKey,
        InvalidUrl, UnknownRegion,
    );
}
