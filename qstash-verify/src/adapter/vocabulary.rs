//! What the users of a framework name: for `pub use qstash_verify::adapter::vocabulary::*` in its crate.

pub use super::Refusal;
pub use crate::{
    BuildError, Callback, CallbackParts, Claims, DEFAULT_BODY_LIMIT, DEFAULT_BODY_TIMEOUT, DeliveryHeaders,
    DlqId, EndpointName, EnvError, FailureCallback, FieldError, FlowControl, FlowControlKey, FlowLimits,
    Headers, Help, InvalidCallback, InvalidId, InvalidSigningKey, JsonError, KeySet, Label, MessageId,
    Region, RetryDelay, ScheduleId, SigningKey, SigningKeys, UrlGroupName, Verified, Verifier,
    VerifierBuilder, VerifyError,
};
